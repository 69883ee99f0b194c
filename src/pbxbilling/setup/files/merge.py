"""Takes our change out of a file that was edited since: a merge of two changes of one text."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple


class _Hunk(NamedTuple):
    first: int
    last: int
    lines: Sequence[str]


def without_change(before: str, after: str, now: str) -> str | None:
    """Return `now` with the change from `before` to `after` taken back.

    None where an edit since then touches the lines of the change itself.
    """
    base = after.splitlines(keepends=True)
    ours = _hunks(base, before.splitlines(keepends=True))
    theirs = _hunks(base, now.splitlines(keepends=True))
    if any(_collide(one, other) for one in ours for other in theirs):
        return None
    merged, position = [], 0
    new = [hunk for hunk in theirs if hunk not in ours]
    for hunk in sorted([*ours, *new], key=lambda hunk: (hunk.first, hunk.last)):
        merged += [*base[position : hunk.first], *hunk.lines]
        position = hunk.last
    return "".join([*merged, *base[position:]])


def _hunks(base: Sequence[str], other: Sequence[str]) -> list[_Hunk]:
    """Return what is other, between the lines at both ends that are the same.

    Those are left out first: among equal lines, a matcher alone may align the wrong ones.
    """
    start = _alike(base, other)
    end = _alike(base[start:][::-1], other[start:][::-1])
    inside, outside = base[start : len(base) - end], other[start : len(other) - end]
    matcher = difflib.SequenceMatcher(None, inside, outside, autojunk=False)
    return [
        _Hunk(start + first, start + last, outside[begin:stop])
        for tag, first, last, begin, stop in matcher.get_opcodes()
        if tag != "equal"
    ]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines are the same from the start on."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _collide(one: _Hunk, other: _Hunk) -> bool:
    """Return whether they change the same lines, or put lines at the same place, differently."""
    if one == other:
        return False
    if one.first == one.last and other.first == other.last:
        return one.first == other.first
    return one.first < other.last and other.first < one.last
