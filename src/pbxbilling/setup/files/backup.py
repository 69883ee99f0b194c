"""Writes changes and keeps what was there before, so that `--undo` puts it back.

Each run has a folder of its own below `setup/` beside pbxbilling.toml: `changes.json` names every
file with its text before and after. It holds what the site's files hold, so it is root's alone.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.setup.conf.reader import text_of
from pbxbilling.setup.files.changes import FileChange
from pbxbilling.setup.files.merge import without_change

_FILE = "changes.json"
_DONE = ".undone"
_SURROGATES = "surrogateescape"


class SetupError(AdministrationError):
    """Something prevents a set-up; the message names it and the fix."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of one file by `--undo`."""

    path: Path
    how: str


def apply(changes: Sequence[FileChange], folder: Path, now: datetime) -> Path:
    """Write all changes, after a backup; return its folder. Nothing is left half-written.

    Raises SetupError where a file cannot be written; what was written before it is put back.
    """
    kept = folder / now.strftime("%Y%m%dT%H%M%S.%fZ")
    done: list[FileChange] = []
    try:
        kept.mkdir(parents=True, mode=0o700)
        _write(kept / _FILE, json.dumps([_row(change) for change in changes], indent=1), None)
        for change in changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            _write(change.path, change.after, change.like)
            done.append(change)
    except OSError as fault:
        for change in reversed(done):
            _restore(change.path, change.before)
        raise SetupError(
            f"{fault.filename}: {fault.strerror}; nothing was changed: run it as root"
        ) from fault
    return kept


def undo(folder: Path, *, dry: bool = False) -> list[Restored]:
    """Take back every run, the newest first; return what became of each file.

    Raises SetupError where there is nothing to take back.
    """
    runs = sorted(_runs(folder), reverse=True)
    if not runs:
        raise SetupError(f"{folder}: no set-up to undo there")
    restored: list[Restored] = []
    for run in runs:
        rows = json.loads((run / _FILE).read_text())
        restored += _undo(rows, dry=dry)
        if not dry:
            run.rename(run.with_name(run.name + _DONE))
    return restored


def changed_files(folder: Path) -> set[Path]:
    """Return every file that a set-up has written and that is not undone."""
    return {
        Path(row["path"]) for run in _runs(folder) for row in json.loads((run / _FILE).read_text())
    }


def _runs(folder: Path) -> Iterator[Path]:
    return (
        run for run in folder.glob("*Z") if (run / _FILE).exists() and not run.name.endswith(_DONE)
    )


def _undo(rows: Sequence[dict[str, str | None]], *, dry: bool) -> Iterator[Restored]:
    """Take one run back: changed files first, so that none includes what is gone by then."""
    stuck = False
    for row in sorted(rows, key=lambda row: row["before"] is None):
        path, before, after = Path(row["path"] or ""), row["before"], row["after"] or ""
        now = text_of(path) if path.exists() else None
        target, how = _target(before, after, now)
        if stuck and before is None and target is None and now is not None:
            target, how = now, "left: a file that could not be restored may include it"
        stuck = stuck or how.startswith("LEFT")
        if target != now and not dry:
            _restore(path, target)
        yield Restored(path, how)


def _target(before: str | None, after: str, now: str | None) -> tuple[str | None, str]:
    """Return the text that the file gets, and what to say of it."""
    if now == before:
        return now, "was as before already"
    if now == after:
        return before, "restored" if before is not None else "removed"
    if now is None:
        return None, "left: it was deleted since"
    if before is None:
        return now, "left: it was edited since; delete it when you need it no more"
    merged = without_change(before, after, now)
    if merged is None:
        return now, "LEFT: edited since in the lines of the set-up; take them out by hand"
    return merged, "restored, with the edits made since"


def _restore(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, text, path if path.exists() else None)


def _write(path: Path, text: str, like: Path | None) -> None:
    """Write a file whole or not at all; an existing one keeps its owner and rights.

    A link keeps pointing where it points: its target is written.
    """
    target = path.resolve()
    model = target if target.exists() else like
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8", _SURROGATES))
            stream.flush()
            os.fsync(stream.fileno())
        if model is not None:
            found = model.stat()
            os.chown(scratch, found.st_uid, found.st_gid)
            scratch.chmod(found.st_mode & 0o777)
        scratch.replace(target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _row(change: FileChange) -> dict[str, str | None]:
    return {"path": str(change.path), "before": change.before, "after": change.after}


def paths(changes: Iterable[FileChange]) -> list[Path]:
    """Return the paths of changes."""
    return [change.path for change in changes]
