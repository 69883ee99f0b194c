"""Which priorities a dialplan names by their number, so that a line more would lead it astray."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pbxbilling.setup.pbx.dialplan import Dialplan, Step
from pbxbilling.setup.pbx.grammar import applications, split

_CONDITIONAL = frozenset({"gotoif", "gotoiftime", "gosubif"})
_JUMPS = _CONDITIONAL | {"goto", "gosub"}
_ELSEWHERE = {"originate": slice(2, 5), "channelredirect": slice(1, 4)}
_AFTERWARDS = re.compile(r"\b[GF]\((?P<place>[^()]*)\)")  # options of Dial and Queue
_PLAIN = re.compile(r"[^$]*\Z")


@dataclass(slots=True)
class Jumps:
    """The places that a dialplan goes to by a number above 1, or by one that only a call knows."""

    within: set[tuple[str, str]] = field(default_factory=set)
    """Context and extension of those that go to a priority of their own."""
    extens: set[str] = field(default_factory=set)
    """Extensions that are gone to from elsewhere."""
    is_anywhere: bool = False
    """One goes to an extension that only a call knows."""

    def reach(self, context: str, exten: str) -> bool:
        """Return whether one may go to a priority of this extension by its number."""
        named = exten in self.extens or (exten.startswith("_") and bool(self.extens))
        return self.is_anywhere or named or (context, exten) in self.within


def jumps_of(dialplan: Dialplan) -> Jumps:
    """Return what a dialplan goes to by number."""
    found = Jumps()
    for context in dialplan.contexts.values():
        for step in context.steps:
            for target in _targets(step):
                _note(found, context.name, step, target)
    return found


def _note(found: Jumps, context: str, step: Step, target: str) -> None:
    *place, priority = (part.strip() for part in split(target, ","))
    priority = priority.partition("(")[0]
    if _PLAIN.match(priority) and (not priority.lstrip("+-").isdecimal() or priority == "1"):
        return  # a label, or the beginning
    if not place:
        found.within.add((context, step.key))
    elif _PLAIN.match(place[-1]):
        found.extens.add(place[-1])
    else:
        found.is_anywhere = True


def _targets(step: Step) -> Iterator[str]:
    """Yield what a step goes to, as `[[CONTEXT,]EXTEN,]PRIORITY`."""
    for application, arguments in applications(step.application, step.arguments):
        name = application.lower()
        if name in _CONDITIONAL:
            yield from split(split(arguments, "?", most=1)[-1], ":")
        elif name in _JUMPS:
            yield arguments
        elif name in _ELSEWHERE:
            yield ",".join(split(arguments, ",")[_ELSEWHERE[name]])
        elif name in {"dial", "queue"}:
            yield from (one["place"].replace("^", ",") for one in _AFTERWARDS.finditer(arguments))
