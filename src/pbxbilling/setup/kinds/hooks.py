"""Where the hook goes in a dialplan written by hand.

Outgoing: one line before the `Dial`. Incoming: the trunk's endpoint gets a context of ours, which
asks and then goes on in the trunk's own context: phones that reach the same extensions are not
asked as callers from outside, and a number added later needs no line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.setup.conf.edits import Edits
from pbxbilling.setup.kinds.shipped import CONTEXT, hook_line
from pbxbilling.setup.pbx.dialplan import Dialplan, Step, split
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.trunks import Dialled, dialled

PREFIX = "pbxbilling-"

_LEADING = re.compile(r"[^$]*")
_DIALS_INSIDE = re.compile(r"\b(?:Dial|Originate|Page|FollowMe)\s*\(", re.IGNORECASE)


_CONDITIONAL = frozenset({"gotoif", "gotoiftime", "gosubif"})
_JUMPS = _CONDITIONAL | {"goto", "gosub"}


@dataclass(slots=True)
class Hooks:
    """What is changed in which file, and what only a person can decide."""

    edits: defaultdict[Path, Edits] = field(default_factory=lambda: defaultdict(Edits))
    contexts: list[str] = field(default_factory=list)
    """The text of our contexts for calls that come in, line by line."""
    by_hand: list[str] = field(default_factory=list)
    outgoing: int = 0


def outgoing(hooks: Hooks, dialplan: Dialplan, trunks: Iterable[str]) -> None:
    """Put a hook before each `Dial` to a trunk; name the places where that is not certain."""
    wanted = frozenset(trunks)
    for context in dialplan.contexts.values():
        if context.name.startswith(PREFIX):
            continue
        for steps in context.extens().values():
            for position in range(len(steps)):
                _consider(hooks, dialplan, wanted, steps, position)


def _consider(
    hooks: Hooks,
    dialplan: Dialplan,
    trunks: frozenset[str],
    steps: Sequence[Step],
    position: int,
) -> None:
    step = steps[position]
    if step.application.lower() != "dial":
        if _DIALS_INSIDE.search(f"{step.application}({step.arguments})") and _names(
            dialplan.expanded(step.arguments), trunks
        ):
            hooks.by_hand.append(_place(step, f"{step.application} may call a trunk"))
        return
    called = list(dialled(dialplan, step))
    outside = [one for one in called if isinstance(one, Dialled) and one.channel in trunks]
    unclear = [one for one in called if isinstance(one, str) and _hides_a_trunk(one)]
    if not outside:
        if unclear:
            what = f"Dial({unclear[0]}) may lead outside"
            hooks.by_hand.append(_place(step, what))
        return
    if _is_hooked(steps[:position]):
        return
    if _needs_renumbering(steps, position, dialplan):
        hooks.by_hand.append(
            _place(step, "later priorities are numbers that the dialplan jumps to")
        )
        return
    _insert(hooks.edits[step.line.path], steps, position, number_of(outside[0], step.exten))
    hooks.outgoing += 1


def _hides_a_trunk(destination: str) -> bool:
    """Return whether a destination of variables may be a trunk's: it has a place for a number."""
    _, slash, resource = destination.partition("/")
    return "${" in destination and (not slash or "@" in resource or "/" in resource)


def _place(step: Step, why: str) -> str:
    return f"{step.line.place}: {why}: put before it  same => n,{hook_line('${EXTEN}')}"


def _names(text: str, trunks: Iterable[str]) -> bool:
    """Return whether a text dials one of the trunks, in whatever form."""
    return any(
        re.search(rf"@{re.escape(name)}\b|/{re.escape(name)}/", text)
        for name in (trunk.partition("/")[2] for trunk in trunks)
    )


def _is_hooked(before: Sequence[Step]) -> bool:
    """Return whether the step just before, of those that are not talk, is a hook already."""
    for step in reversed(before):
        if CONTEXT in step.arguments:
            return True
        if step.application.lower() == "dial":
            return False
    return False


def _needs_renumbering(steps: Sequence[Step], position: int, dialplan: Dialplan) -> bool:
    """Return whether a line more would move a priority that something jumps to by its number."""
    numbered = any(step.priority.isdecimal() for step in steps[position + 1 :])
    if not numbered:
        return False
    jumps = any(
        _jumps_to_number(step) for context in dialplan.contexts.values() for step in context.steps
    )
    in_order = [int(step.priority) for step in steps if step.priority.isdecimal()]
    return jumps or in_order != sorted(in_order) or len(in_order) != len(steps)


def _jumps_to_number(step: Step) -> bool:
    """Return whether a step goes to another priority than the first, named by its number."""
    name = step.application.lower()
    if name not in _JUMPS:
        return False
    text = step.arguments.rpartition("?")[2] if name in _CONDITIONAL else step.arguments
    branches = split(text, ":") if name in _CONDITIONAL else [text]
    targets = (split(branch, ",")[-1].partition("(")[0].strip() for branch in branches)
    return any(target.isdecimal() and int(target) > 1 for target in targets)


def _insert(edits: Edits, steps: Sequence[Step], position: int, number: str) -> None:
    """Put the hook at the step's place and label, the `Dial` as it stands behind it."""
    step = steps[position]
    call = hook_line(number)
    if step.is_same and not step.label:
        edits.insert_before(step.line.number, [f" same => n,{call}"])
    else:
        label = f"({step.label})" if step.label else ""
        head = " same" if step.is_same else "exten"
        exten = "" if step.is_same else f"{step.exten},"
        edits.replace(
            step.line.number,
            [f"{head} => {exten}{step.priority}{label},{call}", f" same => n,{_called(step)}"],
        )
    for later in steps[position + 1 :]:
        if later.priority.isdecimal():
            edits.replace(later.line.number, [_numberless(later)])


def _called(step: Step) -> str:
    """Return the application with its arguments, and the comment behind them, as written."""
    found = re.search(rf",\s*(?={step.application}\s*[(,])", step.line.raw)
    return step.line.raw[found.end() :] if found else f"{step.application}({step.arguments})"


def _numberless(step: Step) -> str:
    """Return the line of a step with `n` for its number."""
    return re.sub(rf",(\s*){step.priority}(?=\s*[,(])", r",\1n", step.line.raw, count=1)


def number_of(called: Dialled, exten: str) -> str:
    """Return the number for the hook: what the trunk is told without a fixed prefix.

    A carrier's prefix is no destination, and behind one an emergency number is none. A plus stays.
    """
    number = called.number
    if "${" not in number:
        return number or "${EXTEN}" if exten.startswith("_") else number or exten
    prefix = _LEADING.match(number)
    fixed = prefix[0] if prefix else ""
    return number if fixed == "+" else number[len(fixed) :]


# --- calls that come in --------------------------------------------------------------------------


def incoming(hooks: Hooks, dialplan: Dialplan, endpoints: Sequence[Endpoint]) -> None:
    """Give the trunks' endpoints a context of ours in front of their own."""
    made: set[str] = set()
    for endpoint in endpoints:
        if endpoint.context.startswith(PREFIX):
            continue
        context = endpoint.context
        if _asks(dialplan, context):
            continue
        _redirect(hooks, endpoint)
        if context not in made:
            made.add(context)
            hooks.contexts += door(context, _has_s(dialplan, context))


def _asks(dialplan: Dialplan, context: str) -> bool:
    """Return whether the trunk's context has hooks of the site's own."""
    return any(
        f"{CONTEXT},s,1(inbound" in step.arguments
        for one in dialplan.reached(context)
        for step in one.steps
    )


def _has_s(dialplan: Dialplan, context: str) -> bool:
    return any("s" in one.extens() for one in dialplan.reached(context))


def _redirect(hooks: Hooks, endpoint: Endpoint) -> None:
    ours = f"{endpoint.context_key} = {PREFIX}{endpoint.context}"
    line = endpoint.context_line
    edits = hooks.edits[line.path if line else endpoint.section.path]
    if line is not None:
        edits.replace(line.number, [ours])
    else:
        edits.insert_after(endpoint.section.number, [ours])


def door(context: str, has_s: bool) -> list[str]:  # noqa: FBT001 - one fact about the context
    """Return our context in front of a trunk's: it asks, then goes on in the trunk's own."""
    known = f"${{DIALPLAN_EXISTS({context},${{EXTEN}},1)}}${{DIALPLAN_EXISTS({context},i,1)}}"
    asked = hook_line("${EXTEN}", "inbound")
    lines = [
        "",
        f"; Calls that come in for {context}. A number that it does not have is answered by 404.",
        f"[{PREFIX}{context}]",
        f'exten => _[+*#0-9]!,1,GotoIf($["{known}" = "00"]?unknown)',
        f" same => n,{asked}",
        f" same => n,Goto({context},${{EXTEN}},1)",
        " same => n(unknown),Hangup(1)",
    ]
    if has_s:
        lines += [
            "; A trunk that sends no number: write the number in place of ${EXTEN}.",
            f"exten => s,1,{asked}",
            f" same => n,Goto({context},s,1)",
        ]
    return lines
