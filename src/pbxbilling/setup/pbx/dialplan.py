"""A dialplan as extensions.conf has it: contexts, their steps in order, what a step calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pbxbilling.setup.conf.reader import Conf, Line, Section

_SETTINGS = frozenset({"general", "globals"})
_PRIORITY = re.compile(r"\s*(?P<priority>\w+)\s*(?:\((?P<label>[^)]*)\))?\s*(?:\+\d+)?\s*$")
_APPLICATION = re.compile(
    r"\s*(?P<name>\w+)\s*(?:\((?P<arguments>.*)\)|,(?P<rest>.*))?\s*$", re.DOTALL
)
_GLOBAL = re.compile(r"\$\{(\w+)\}")
_ROUNDS = 5  # of globals whose values name globals


@dataclass(frozen=True, slots=True)
class Step:
    """One priority of an extension: `exten => EXTEN,PRIORITY(LABEL),APPLICATION(ARGUMENTS)`."""

    line: Line
    exten: str
    priority: str
    """A number, `n`, or `hint`."""
    label: str
    application: str
    arguments: str
    is_same: bool
    """It was written as `same =>`."""


@dataclass(slots=True)
class Context:
    """A context: its steps in the order of the file, and what it includes."""

    name: str
    steps: list[Step] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)

    def extens(self) -> dict[str, list[Step]]:
        """Return the steps of each extension, hints left out, in the order of the file."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            if step.priority != "hint":
                found.setdefault(step.exten, []).append(step)
        return found


@dataclass(slots=True)
class Dialplan:
    """All contexts and globals of a dialplan."""

    contexts: dict[str, Context] = field(default_factory=dict)
    globals: dict[str, str] = field(default_factory=dict)

    def expanded(self, text: str) -> str:
        """Return the text with the values of globals in place of `${NAME}`; others stay."""
        for _ in range(_ROUNDS):
            new = _GLOBAL.sub(lambda found: self.globals.get(found[1], found[0]), text)
            if new == text:
                break
            text = new
        return text

    def reached(self, name: str) -> Iterator[Context]:
        """Yield a context and all that it includes, each once, in the order of a look-up."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            context = self.contexts.get(waiting.pop(0))
            if context is not None and context.name not in seen:
                seen.add(context.name)
                yield context
                waiting = [*context.includes, *waiting]


def dialplan_of(conf: Conf) -> Dialplan:
    """Build the dialplan from extensions.conf with all that it includes."""
    found = Dialplan()
    for section in conf.sections:
        if section.name == "globals":
            found.globals.update({line.name: line.value for line in section.lines})
        elif section.name not in _SETTINGS and not section.is_template:
            _add(found.contexts.setdefault(section.name, Context(section.name)), conf, section)
    return found


def _add(context: Context, conf: Conf, section: Section) -> None:
    exten = ""
    for line in conf.inherited(section):
        name = line.name.lower()
        if name == "include":
            context.includes.append(line.value.split(",")[0].split("|")[0].strip())
        elif name in {"exten", "same"}:
            step = _step(line, exten, is_same=name == "same")
            if step is not None:
                exten = step.exten
                context.steps.append(step)


def _step(line: Line, exten: str, *, is_same: bool) -> Step | None:
    parts = split(line.value, ",", most=1 if is_same else 2)
    if not is_same:
        exten, *parts = parts
        exten = exten.split("/")[0].strip().strip('"')
    if len(parts) < 2:
        return None
    priority = _PRIORITY.match(parts[0])
    called = _APPLICATION.match(parts[1])
    if priority is None:
        return None
    return Step(
        line=line,
        exten=exten,
        priority=priority["priority"].lower(),
        label=(priority["label"] or "").strip(),
        application=called["name"] if called else "",
        arguments=((called["arguments"] or called["rest"] or "") if called else parts[1]).strip(),
        is_same=is_same,
    )


def split(text: str, separator: str, most: int = -1) -> list[str]:
    """Split at a separator outside of brackets and quotes, at most so many times."""
    parts: list[str] = []
    depth, quoted, start = 0, False, 0
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(0, depth - 1)
        elif character == separator and depth == 0 and len(parts) != most:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def values(pairs: Mapping[str, str], *names: str) -> str:
    """Return the first of these names that has a value; empty where none has."""
    return next((pairs[name] for name in names if pairs.get(name)), "")
