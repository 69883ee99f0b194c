"""Follows a number through the dialplan: to tenants that it names, and phones that it reaches.

Nothing is run: variables that only a call has stay unknown, and both ways of a condition are taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pbxbilling.setup.draft.steps import (
    ADMIT,
    CALL,
    assigned,
    branches,
    hooked,
    is_certain,
    tenant_in,
    without_arguments,
)
from pbxbilling.setup.pbx.dialplan import Dialplan, Step
from pbxbilling.setup.pbx.grammar import split

_DEEPEST = 30
_WIDEST = 2000  # places that one number is followed to
_ROUNDS = 5
_VARIABLE = re.compile(r"\$\{(\w+)(?::(-?\d+)(?::(-?\d+))?)?\}")
_CONTACTS = re.compile(r"\$\{PJSIP_DIAL_CONTACTS\(([^,)]+)[^)]*\)\}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_]+")
_TECHNOLOGIES = frozenset({"pjsip", "sip", "iax2", "sccp", "dahdi"})
_SHORTEST_NAME = (
    3  # of a phone among a subroutine's arguments: shorter ones are seconds and options
)
_MENU = 2  # digits that a caller presses in a menu


@dataclass(slots=True)
class Evidence:
    """What was found on the way: tenants as the dialplan names them, and phones that ring."""

    words: dict[str, None] = field(default_factory=dict)
    """Account codes and values of tenant variables, in the order in which they are set."""
    phones: dict[str, None] = field(default_factory=dict)
    """Channels of phones, as `PJSIP/101`."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a call stands: its context and number, and the variables that are certain there."""

    context: str
    exten: str
    variables: Mapping[str, str]
    depth: int


class Routes:
    """The ways through a dialplan, for phones of these names."""

    def __init__(
        self,
        dialplan: Dialplan,
        phones: Collection[str],
        queues: Mapping[str, Sequence[str]],
    ) -> None:
        """`phones`: channels, as `PJSIP/101`; `queues`: the members of each, as channels."""
        self._dialplan = dialplan
        self._phones = {channel.lower(): channel for channel in phones}
        self._named: dict[str, list[str]] = {}
        for channel in phones:
            self._named.setdefault(channel.partition("/")[2], []).append(channel)
        self._queues = queues

    def follow(self, context: str, exten: str) -> Evidence:
        """Return what a call of that number, arriving in that context, shows."""
        return _Walk(self, self._dialplan).from_(context, exten)

    def phone(self, channel: str) -> str | None:
        """Return the phone that a part of a `Dial` calls; None if it is none."""
        technology, _, resource = channel.strip().partition("/")
        name = resource.partition("/")[0]
        return self._phones.get(f"{technology}/{name}".lower()) if "@" not in name else None

    def named(self, text: str) -> Iterator[str]:
        """Yield the phones whose names are words of a subroutine's arguments."""
        for word in _WORD.findall(text):
            if len(word) >= _SHORTEST_NAME:
                yield from self._named.get(word, ())

    def members(self, queue: str) -> Sequence[str]:
        """Return the members of a queue."""
        return self._queues.get(queue, ())

    def steps(self, context: str, exten: str) -> list[Step]:
        """Return the steps that a number meets, hints included: literal before pattern."""
        for one in self._dialplan.reached(context):
            extens: dict[str, list[Step]] = {}
            for step in one.steps:
                extens.setdefault(step.exten, []).append(step)
            matching = [exten] if exten in extens else [n for n in extens if matches(n, exten)]
            if matching:
                return extens[max(matching, key=len)]
        return []


class _Walk:
    """One number on its way; every place is visited once."""

    def __init__(self, routes: Routes, dialplan: Dialplan) -> None:
        self._routes = routes
        self._dialplan = dialplan
        self._seen: set[tuple[str, str]] = set()
        self._found = Evidence()

    def from_(self, context: str, exten: str) -> Evidence:
        self._go(_Place(context, exten, {}, 0))
        return self._found

    def _go(self, place: _Place) -> None:
        at = place.context, place.exten
        if at in self._seen or place.depth > _DEEPEST or len(self._seen) > _WIDEST:
            return
        self._seen.add(at)
        variables = {**place.variables, "EXTEN": place.exten, "CONTEXT": place.context}
        here = _Place(place.context, place.exten, variables, place.depth)
        for step in self._routes.steps(place.context, place.exten):
            here = self._take(here, step)

    def _take(self, here: _Place, step: Step) -> _Place:
        """Take one step; return the place with the variables that it sets."""
        if step.priority == "hint":
            self._ring(self._expanded(step.arguments, here), here)
            return here
        return self._run(step.application.lower(), step.arguments, here)

    def _run(self, application: str, arguments: str, here: _Place) -> _Place:
        match application:
            case "set" | "mset":
                return self._set(arguments, here, several=application == "mset")
            case "goto" | "gosub" | "macro":
                self._jump(application, arguments, here)
            case "gotoif" | "gosubif" | "gotoiftime" | "macroif":
                for branch in branches(arguments):
                    self._jump(application.removesuffix("time").removesuffix("if"), branch, here)
            case "execif" | "execiftime":
                for branch in branches(arguments):
                    if called := CALL.match(branch):
                        here = self._run(called[1].lower(), called[2], here)
            case "dial" | "page" | "queue":
                self._call(application, arguments, here)
            case "background" | "waitexten" | "read":
                self._menu(here)
            case _:
                pass
        return here

    def _set(self, arguments: str, here: _Place, *, several: bool) -> _Place:
        variables = dict(here.variables)
        for name, written in assigned(arguments, several=several):
            value = self._expanded(written, here)
            if is_certain(value):
                variables[name.lstrip("_")] = value
                self._found.words.update(dict.fromkeys(tenant_in(name, value)))
        return _Place(here.context, here.exten, variables, here.depth)

    def _jump(self, application: str, target: str, here: _Place) -> None:
        target, given = without_arguments(target) if application == "gosub" else (target, "")
        parts = [self._expanded(part.strip(), here) for part in split(target, ",")]
        if application == "macro":
            name, *arguments = parts
            given, parts = ",".join(arguments), [f"macro-{name}", "s", "1"]
        arguments = (
            [self._expanded(one.strip(), here) for one in split(given, ",")] if given else []
        )
        if parts[0] == ADMIT:
            self._found.words.update(dict.fromkeys(hooked(arguments)))
            return
        if application != "goto":
            self._found.phones.update(dict.fromkeys(self._routes.named(",".join(arguments))))
        if len(parts) == 1:
            return  # a priority of the extension itself, whose steps are all taken anyway
        context, exten = parts[0] if len(parts) > 2 else here.context, parts[-2]
        passed = {f"ARG{number}": one for number, one in enumerate(arguments, 1)}
        self._go(_Place(context, exten, {**here.variables, **passed}, here.depth + 1))

    def _call(self, application: str, arguments: str, here: _Place) -> None:
        first = self._expanded(split(arguments, ",")[0].strip(), here)
        if application == "queue":
            for member in self._routes.members(first):
                self._ring(member, here)
        else:
            self._ring(first, here)

    def _ring(self, destinations: str, here: _Place) -> None:
        for part in split(destinations, "&"):
            technology, _, resource = part.strip().partition("/")
            if technology.lower() == "local":
                exten, _, context = resource.partition("/")[0].partition("@")
                self._go(_Place(context or "default", exten, here.variables, here.depth + 1))
            elif technology.lower() in _TECHNOLOGIES and (phone := self._routes.phone(part)):
                self._found.phones[phone] = None

    def _menu(self, here: _Place) -> None:
        for context in self._dialplan.reached(here.context):
            for exten in context.extens():
                if len(exten) <= _MENU and not exten.isalpha():
                    self._go(_Place(here.context, exten, here.variables, here.depth + 1))

    def _expanded(self, text: str, here: _Place) -> str:
        """Return the text with what is certain; an unknown variable stays as it is written."""
        known = {**self._dialplan.globals, **here.variables}
        text = _CONTACTS.sub(lambda found: f"PJSIP/{found[1]}", text)
        for _ in range(_ROUNDS):
            new = _VARIABLE.sub(lambda found: _cut(found, known), text)
            if new == text:
                break
            text = _CONTACTS.sub(lambda found: f"PJSIP/{found[1]}", new)
        return text


def _cut(found: re.Match[str], known: Mapping[str, str]) -> str:
    """Return the value of `${NAME:offset:length}`, or the same text where it is unknown."""
    value = known.get(found[1])
    if value is None:
        return found[0]
    value = value[int(found[2]) :] if found[2] else value
    return value[: int(found[3])] if found[3] else value


def matches(pattern: str, exten: str) -> bool:
    """Return whether an extension of the dialplan is a pattern that fits a number."""
    if not pattern.startswith("_"):
        return False
    try:
        return re.fullmatch(_as_expression(pattern[1:]), exten) is not None
    except re.error:
        return False


_CLASSES = {"N": "[2-9]", "X": "[0-9]", "Z": "[1-9]", ".": ".+", "!": ".*", "-": ""}


def _as_expression(pattern: str) -> str:
    parts = re.findall(r"\[[^\]]*\]|.", pattern)
    return "".join(
        one
        if one.startswith("[") and len(one) > 1
        else _CLASSES.get(one if one in ".!-" else one.upper(), re.escape(one))
        for one in parts
    )
