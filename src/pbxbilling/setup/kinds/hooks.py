"""The hook of calls that leave: one step before each `Dial` to a trunk.

Where it is not certain what a `Dial` calls, or which number, a person is told the place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.setup.conf.edits import Edits
from pbxbilling.setup.kinds.numbers import jumps_of
from pbxbilling.setup.kinds.placing import Placed, Wanted, place
from pbxbilling.setup.kinds.shipped import CONTEXT, hook_line
from pbxbilling.setup.pbx.dialplan import Context, Dialplan, Step
from pbxbilling.setup.pbx.grammar import application_of, applications, split
from pbxbilling.setup.pbx.trunks import Dialled, dialled

PREFIX = "pbxbilling-"

_CALLERS = re.compile(r"\b(?:Dial|Originate|Page|FollowMe|Queue)\b", re.IGNORECASE)
_PASSED_ON = re.compile(r"\$\{(?:ARG|MACRO_)\w+\}")
_RUNNERS = frozenset({"exec", "tryexec", "execif"})
_NUMBER = re.compile(r"[+*#0-9]+")


@dataclass(slots=True)
class Hooks:
    """What is changed in which file, and what only a person can decide."""

    edits: defaultdict[Path, Edits] = field(default_factory=lambda: defaultdict(Edits))
    contexts: list[str] = field(default_factory=list)
    """The text of our own file, line by line."""
    by_hand: list[str] = field(default_factory=list)


class _UncertainError(Exception):
    """It cannot be told what a step calls; the message says why."""


def outgoing(hooks: Hooks, dialplan: Dialplan, trunks: Iterable[str]) -> None:
    """Put a hook before each `Dial` to a trunk; name the places where that is not certain."""
    leading = _Leading(dialplan, tuple(trunks))
    wanted: list[Wanted] = []
    for context in dialplan.contexts.values():
        if context.name != CONTEXT:
            for steps in context.extens().values():
                wanted += _of_exten(hooks, leading, context, steps)
    placed = Placed(hooks.edits)
    for step in place(placed, wanted, jumps_of(dialplan)):
        hooks.by_hand.append(_left(step, "one context includes this line several times"))
    hooks.contexts += placed.ours
    hooks.by_hand[:] = dict.fromkeys(hooks.by_hand)


def _of_exten(
    hooks: Hooks, leading: _Leading, context: Context, steps: Sequence[Step]
) -> Iterable[Wanted]:
    in_order = sorted(steps, key=lambda step: step.number)
    for position, step in enumerate(in_order):
        if _is_hooked(in_order[:position]):
            continue
        try:
            text = leading.hook_of(step.application, step.arguments, step.exten)
        except _UncertainError as fault:
            hooks.by_hand.append(_left(step, str(fault)))
            continue
        if text:
            yield Wanted(context, step, text)


def _left(step: Step, why: str) -> str:
    asked = hook_line("NUMBER")
    return f"{step.line.place}: {why}: if it leads outside, put before it  same => n,{asked}"


def _is_hooked(before: Sequence[Step]) -> bool:
    """Return whether a hook stands before the step, and no call between them."""
    for step in reversed(before):
        if CONTEXT in f"{step.application}({step.arguments})":
            return True
        for name, _ in applications(step.application, step.arguments):
            if _CALLERS.fullmatch(name):
                return False
    return False


@dataclass(frozen=True, slots=True)
class _Leading:
    """What leads outside in a dialplan."""

    dialplan: Dialplan
    trunks: tuple[str, ...]

    def hook_of(self, application: str, arguments: str, exten: str) -> str:
        """Return the step to put before this one; empty where it calls no trunk."""
        name = application.lower()
        if name == "dial":
            return self._of_dial(arguments, exten)
        if name not in _RUNNERS:
            self._look_into(application, arguments)
            return ""
        condition, *rest = split(arguments, "?", most=1) if name == "execif" else ("", arguments)
        branches = split(rest[0], ":", most=1) if name == "execif" and rest else rest
        hooks = [self.hook_of(*application_of(branch), exten) for branch in branches]
        if not any(hooks) or name != "execif":
            return "".join(hooks)
        if any(hook and not hook.startswith("Gosub(") for hook in hooks):
            raise _UncertainError("a Dial within two conditions")
        # Not ExecIf(…?Gosub()): a Macro of Asterisk 16 loses its arguments by that.
        ways = ":".join(hook[len("Gosub(") : -1] for hook in hooks)
        return f"GosubIf({condition}?{ways.removesuffix(':')})"

    def _of_dial(self, arguments: str, exten: str) -> str:
        called = list(dialled(self.dialplan, arguments))
        for one in called:
            if isinstance(one, Dialled) and one.leads_to(self.trunks):
                number = number_of(one, exten)
                if not number:
                    raise _UncertainError("the number is not in this Dial")
                return hook_line(number)
        for one in called:
            if isinstance(one, str) and _may_lead_outside(one):
                raise _UncertainError(f"Dial({one}) may lead outside")
        return ""

    def _look_into(self, application: str, arguments: str) -> None:
        """Raise where another application than `Dial` names a trunk to call."""
        text = self.dialplan.expanded(f"{application}({arguments})")
        if _CALLERS.search(text) and any(_names(text, trunk) for trunk in self.trunks):
            raise _UncertainError(f"{application} may call a trunk")


def _may_lead_outside(destination: str) -> bool:
    """Return whether a destination of variables may be a trunk's: it has a place for a number."""
    technology, slash, resource = destination.partition("/")
    if "${" not in destination:
        return False
    if not slash or "${" in technology:
        return True
    return len(split(resource, "@")) > 1 or len(split(resource, "/")) > 1


def _names(text: str, trunk: str) -> bool:
    name = re.escape(trunk.partition("/")[2])
    return bool(re.search(rf"@{name}\b|/{name}/", text))


def number_of(called: Dialled, exten: str) -> str:
    """Return the number for the hook: what the trunk is told without a fixed prefix.

    A carrier's prefix is no destination, and behind one an emergency number is none. A plus stays.
    Empty where neither the dial string nor the extension has a number.
    """
    number = called.number
    if "${" in number:
        fixed = number[: number.index("${")]
        return number if fixed == "+" else number[len(fixed) :]
    if exten.startswith("_"):
        return number or "${EXTEN}"
    own = exten if _NUMBER.fullmatch(exten) else ""
    return own if not number or (number.endswith(own) and own) else number
