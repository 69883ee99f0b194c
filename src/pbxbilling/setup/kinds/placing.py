"""Puts a step before another one so that no other step changes what it does.

Where nothing goes to later priorities by their number, the new step is a line more, and numbers
that are written out grow by one. Else the extension keeps its priorities: the step becomes a `Goto`
to a place behind all of them, which is in our own file, and comes back from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.setup.conf.edits import Edits
from pbxbilling.setup.conf.reader import Line
from pbxbilling.setup.kinds.numbers import Jumps
from pbxbilling.setup.pbx.dialplan import Context, Step

_BEHIND = 1000  # priorities between those of the site and ours
_APART = 10
LABEL = "pbxbilling-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step to put before another one, in one of the contexts that have its line."""

    context: Context
    step: Step
    text: str
    """The application to run, with its arguments."""


@dataclass(slots=True)
class Placed:
    """The edits of the site's files, and the lines for our own."""

    edits: dict[Path, Edits]
    ours: list[str] = field(default_factory=list)


def place(placed: Placed, wanted: Sequence[Wanted], jumps: Jumps) -> list[Step]:
    """Place steps; the same line may be in several contexts, and is changed once.

    Return the steps whose line is in one context several times: what is right for one of them is
    not for the other.
    """
    by_line: dict[Line, list[Wanted]] = {}
    for one in wanted:
        by_line.setdefault(one.step.line, []).append(one)
    left = [line for line, ones in by_line.items() if _is_repeated(line, ones)]
    steps = [by_line.pop(line)[0].step for line in left]
    moved = _moved(by_line, jumps)
    renumbered: dict[Line, int] = {}
    for line, ones in by_line.items():
        if line in moved:
            _insert(placed.edits[line.path], ones[0])
            for later in {later for one in ones for later in _numbered_after(one)}:
                renumbered[later] = renumbered.get(later, 0) + 1
        else:
            _lead_around(placed, ones)
    _renumber(placed, renumbered)
    return steps


def _is_repeated(line: Line, ones: Sequence[Wanted]) -> bool:
    contexts = {one.context.name: one.context for one in ones}
    return any(
        sum(step.line == line for step in context.steps) > 1 for context in contexts.values()
    )


def _moved(by_line: dict[Line, list[Wanted]], jumps: Jumps) -> set[Line]:
    """Return the lines before which a line more changes nothing else."""
    extens = {(one.context.name, one.step.key) for ones in by_line.values() for one in ones}
    fixed = {
        (one.context.name, one.step.key)
        for ones in by_line.values()
        for one in ones
        if jumps.reach(one.context.name, one.step.key) or not _all_move(one)
    }
    while True:  # one line may be in several extensions: all of them, or none
        before = len(fixed)
        for ones in by_line.values():
            here = {(one.context.name, one.step.key) for one in ones}
            if here & fixed:
                fixed |= here & extens
        if len(fixed) == before:
            break
    return {
        line
        for line, ones in by_line.items()
        if not any((one.context.name, one.step.key) in fixed for one in ones)
    }


def _all_move(wanted: Wanted) -> bool:
    """Return whether every later step of the extension moves by one, and no step of another."""
    step, context = wanted.step, wanted.context
    if step.key in context.doubled or (step.after is None and not step.priority.isdecimal()):
        return False
    later = [one for one in context.extens()[step.key] if one.number > step.number]
    if any(one.after is None and not one.priority.isdecimal() for one in later):
        return False
    if len({one.line for one in context.steps}) != len(context.steps):
        return False  # a file that is included twice
    moving = {one.line for one in later} | {step.line}
    for one in context.steps:
        if one.after is not None and one.line != step.line:
            of_later = one.line in moving
            if of_later != (one.after in moving):
                return False
    return True


def _numbered_after(wanted: Wanted) -> list[Line]:
    steps = wanted.context.extens()[wanted.step.key]
    return [
        one.line for one in steps if one.number > wanted.step.number and one.priority.isdecimal()
    ]


def _insert(edits: Edits, wanted: Wanted) -> None:
    """Put the new step at the place and label of the old one, which follows it as it stands."""
    step = wanted.step
    if step.is_same and not step.label and not step.offset and step.priority in {"n", "next"}:
        edits.insert_before(step.line.number, [f" same => n,{wanted.text}"])
        return
    _, at = spans(step)
    raw = step.line.raw
    edits.replace(step.line.number, [f"{raw[:at]}{wanted.text}", f" same => n,{raw[at:]}"])


def _lead_around(placed: Placed, ones: Sequence[Wanted]) -> None:
    """Lead around the old step: ask, run it, and come back to the step that follows it."""
    step = ones[0].step
    _, at = spans(step)
    raw = step.line.raw
    label = f"{LABEL}{step.number}"
    placed.edits[step.line.path].replace(step.line.number, [f"{raw[:at]}Goto({label})"])
    for one in ones:
        steps = one.context.extens()[one.step.key]
        numbers = {other.number for other in steps}
        first = max(numbers) + _BEHIND + _APART * step.number
        placed.ours += [
            "",
            f"; The step of {step.line.place}, whose priorities are named by their number.",
            f"[{one.context.name}]",
            f"exten => {one.step.written},{first}({label}),{one.text}",
            f" same => n,{raw[at:]}",
        ]
        if step.number + 1 in numbers:
            placed.ours.append(f" same => n,Goto({step.number + 1})")


def _renumber(placed: Placed, renumbered: dict[Line, int]) -> None:
    """Write the numbers of later steps anew."""
    for line, more in renumbered.items():
        edits = placed.edits[line.path]
        current = edits.replaced(line.number) or [line.raw]
        first = current[0]
        start, _ = _spans(first)
        number = re.compile(r"\s*(\d+)").match(first, start)
        if number:
            written = f"{first[: number.start(1)]}{int(number[1]) + more}{first[number.end(1) :]}"
            edits.replace(line.number, [written, *current[1:]])


def spans(step: Step) -> tuple[int, int]:
    """Return where the priority and the application begin in a step's line."""
    return _spans(step.line.raw)


def _spans(raw: str) -> tuple[int, int]:
    name, _, rest = raw.partition("=")
    at = len(name) + 1 + rest.startswith(">")
    if not name.strip().lower().startswith("same"):
        at = _after_comma(raw, at)
    start = at
    at = raw.index(",", at) + 1
    return start, at + len(raw[at:]) - len(raw[at:].lstrip())


def _after_comma(raw: str, at: int) -> int:
    """Return where the priority begins: behind the first comma outside of `[…]`."""
    depth = 0
    while at < len(raw):
        character = raw[at]
        if character == "\\":
            at += 1
        elif character in "[]":
            depth = max(0, depth + (1 if character == "[" else -1))
        elif character == "," and not depth:
            return at + 1
        at += 1
    return at
