"""Prints what a file of accounts changes, line by line, and what it would reset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pbxbilling.cli.connection import CommandFailed
from pbxbilling.cli.printing.output import NOTHING_WRITTEN, print_json, print_line

_KINDS = ("added", "changed", "unchanged")
_NEEDS_RESET = "nothing was written: it needs --reset"

Changes = Sequence[Mapping[str, Any]]


def print_changes(
    changes: Changes, what: str, *, dry_run: bool, reset: bool, as_json: bool, brief: bool = False
) -> None:
    """Print changes and, in the last line, the number of `what`; `brief` skips unchanged ones.

    Raises CommandFailed if keys would be reset without `reset`: nothing was written then.
    """
    resets = sum(field["reset"] for change in changes for field in change["fields"])
    refused = bool(resets) and not reset
    if as_json:
        print_json(changes)
    else:
        for change in changes:
            if not brief or change["kind"] != "unchanged":
                _print_change(change)
        _print_summary(changes, what, resets, _why_nothing(refused=refused, dry_run=dry_run))
    if refused:
        msg = (
            f"nothing was written: the file leaves out {_keys(resets)}, which would be reset; add"
            " them to the file, or use --reset"
        )
        raise CommandFailed(msg)


def _print_change(change: Mapping[str, Any]) -> None:
    """Print the change of a plan or tenant; for a changed one, each key."""
    print_line(f"{change['kind']:9} {change['subject']}")
    for field in change["fields"] if change["kind"] == "changed" else ():
        key, before, after = field["key"], field["before"], field["after"]
        if field["reset"]:
            default = "the default" if after is None else f"the default, {after}"
            print_line(f"reset:    {change['subject']}: {key}: {before} → {default}")
        else:
            print_line(f"            {key}: {before} → {after}")
    for note in change["notes"]:
        print_line(f"            note: {note}")


def _print_summary(changes: Changes, what: str, resets: int, why_nothing: str) -> None:
    counted = Counter(change["kind"] for change in changes)
    parts = [f"{counted[kind]} {kind}" for kind in _KINDS]
    if resets:
        parts.append(f"{_keys(resets)} reset")
    print_line(f"{len(changes)} {what}: {', '.join(parts)}{why_nothing and f'; {why_nothing}'}")


def _why_nothing(*, refused: bool, dry_run: bool) -> str:
    if refused:
        return _NEEDS_RESET
    return NOTHING_WRITTEN if dry_run else ""


def _keys(count: int) -> str:
    return f"{count} key" if count == 1 else f"{count} keys"
