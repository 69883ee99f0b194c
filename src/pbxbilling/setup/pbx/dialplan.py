"""A dialplan as extensions.conf has it: contexts, their steps in order, what a step calls.

As pbx_config.c reads it: a priority is a number, `n`, `s` or a label, each with `+offset`; of two
steps of one priority the first counts; globals in the name of an extension or of an included
context have their value of the load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pbxbilling.setup.conf.reader import Conf, Line, Section
from pbxbilling.setup.pbx.grammar import (
    application_of,
    first_field,
    meant,
    priority_of,
    shrunk,
    without_spaces,
)

HINT = -1
_SETTINGS = frozenset({"general", "globals"})
_NUMBER = re.compile(r"\s*[+-]?\d{1,30}")
_OFFSET = re.compile(r"\s*[+-]?\d+")
_GLOBAL = re.compile(r"\$\{(\w+)\}")
_RELATIVE = {"n": 1, "next": 1, "s": 0, "same": 0}
_ROUNDS = 5  # of globals whose values name globals


@dataclass(frozen=True, slots=True)
class Step:
    """One priority of an extension: `exten => EXTEN,PRIORITY(LABEL),APPLICATION(ARGUMENTS)`."""

    line: Line
    exten: str
    """The pattern or number, without the caller ID that it may ask for."""
    priority: str
    """As it is written: a number, `n`, `s`, a label, or `hint`; without its offset."""
    label: str
    application: str
    arguments: str
    is_same: bool
    """It was written as `same =>`."""
    number: int = 0
    """The priority in force, or `HINT`."""
    caller: str | None = None
    """The caller ID that the extension asks for, None where it takes any."""
    offset: str = ""
    """What is added to the priority: `101` in `n+101`."""
    after: Line | None = None
    """The line whose priority it counts from; None where it is a number or a label."""

    @property
    def key(self) -> str:
        """The extension as Asterisk tells it from others: dashes mean nothing in it."""
        exten = meant(self.exten)
        return exten if self.caller is None else f"{exten}/{self.caller}"

    @property
    def written(self) -> str:
        """The extension as an `exten =>` line names it."""
        return self.exten if self.caller is None else f"{self.exten}/{self.caller}"


@dataclass(slots=True)
class Context:
    """A context: its steps in the order of the file, and what it includes."""

    name: str
    steps: list[Step] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    switches: list[Line] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    """Extensions that give a priority twice: the second is not in force, and is left out."""
    taken: set[tuple[str, int]] = field(default_factory=set)
    """Extension and priority of each step."""
    labels: set[tuple[str, str]] = field(default_factory=set)
    """Extension and label of each step; of two that are the same, the second is none."""

    def extens(self) -> dict[str, list[Step]]:
        """Return the steps of each extension, hints left out, in the order of the file."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            if step.number != HINT:
                found.setdefault(step.key, []).append(step)
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
    for section in conf.categories:
        if section.name.lower() == "globals":
            found.globals.update({line.name: line.value for line in section.values})
    for section in conf.categories:
        if section.name.lower() not in _SETTINGS:
            context = found.contexts.setdefault(section.name, Context(section.name))
            _Builder(found, context).add(section)
    return found


class _Builder:
    """Adds the lines of one section to a context."""

    def __init__(self, dialplan: Dialplan, context: Context) -> None:
        self._dialplan = dialplan
        self._context = context
        self._exten: str | None = None
        self._last: int | None = None  # the priority that `n` counts from
        self._line: Line | None = None  # where that priority is

    def add(self, section: Section) -> None:
        for line in section.values:
            name = line.name.lower()
            if name == "include":
                self._include(self._at_load(line.value))
            elif name in {"switch", "lswitch", "eswitch"}:
                self._context.switches.append(line)
            elif name == "exten" or name.startswith("same"):
                self._step(line, is_same=name != "exten")

    def _include(self, value: str) -> None:
        context, _, _ = value.partition("|" if "|" in value else ",")
        if context not in self._context.includes:
            self._context.includes.append(context)

    def _at_load(self, text: str) -> str:
        """Return a text with its variables' values at the load, when no call is there."""
        if "$" not in text:
            return text
        return _GLOBAL.sub("", self._dialplan.expanded(text))

    def _step(self, line: Line, *, is_same: bool) -> None:
        rest = line.value
        if is_same:
            if not self._exten:
                return
        else:
            exten, rest = first_field(line.value)
            self._exten = self._at_load(exten)
        exten, asks, caller = (self._exten or "").partition("/")
        exten = without_spaces(exten)
        priority, _, called = rest.partition(",")
        if "(" in priority and ")" not in priority:
            return  # a label without its end: Asterisk leaves the line out
        name, label, offset = priority_of(priority)
        number = self._number(name, offset, exten)
        if not number:
            return
        after = self._line if name in _RELATIVE else None
        self._last, self._line = number, line
        application, arguments = application_of(called)
        step = Step(
            line=line,
            exten=exten,
            priority=name,
            label=label,
            application=application,
            arguments=arguments,
            is_same=is_same,
            number=number,
            caller=shrunk(caller) if asks else None,
            offset=offset,
            after=after,
        )
        self._register(step)

    def _register(self, step: Step) -> None:
        if not step.exten:
            return
        place = (step.key, step.number)
        if place in self._context.taken:
            self._context.doubled.add(step.key)
            return
        if step.label and (step.key, step.label) in self._context.labels:
            step = replace(step, label="")
        self._context.taken.add(place)
        self._context.labels.add((step.key, step.label))
        self._context.steps.append(step)

    def _number(self, name: str, offset: str, exten: str) -> int | None:
        """Return the priority that a line has; None where Asterisk leaves the line out."""
        number = HINT if name == "hint" else self._named(name, exten)
        if not number:
            return None
        return number + (int(found[0]) if (found := _OFFSET.match(offset)) else 0)

    def _named(self, name: str, exten: str) -> int | None:
        """Return the priority that a number, `n`, `s` or a label names."""
        if name in _RELATIVE:
            return None if self._last is None else self._last + _RELATIVE[name]
        if found := _NUMBER.match(name):
            return max(0, int(found[0]))
        labelled = [
            step.number
            for step in self._context.steps
            if step.label == name and meant(step.exten) == meant(exten)
        ]
        return labelled[0] if labelled else None
