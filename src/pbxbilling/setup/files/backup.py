"""Writes changes and keeps what was there before, so that `--undo` puts it back.

Each run has a folder of its own below `setup/` beside pbxbilling.toml: `changes.json` names every
file with its text before and after. It holds what the site's files hold, so it is root's alone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.setup.conf.reader import text_of
from pbxbilling.setup.files.changes import FileChange
from pbxbilling.setup.files.merge import without_change

_FILE = "changes.json"
_DONE = ".undone"

_AS_BEFORE = "was as before already"
_RESTORED = "restored"
_REMOVED = "removed"
_MERGED = "restored; the edits made since are kept"
_DELETED = "left: it was deleted since"
_EDITED_OURS = "left: it was edited since; delete it when nothing needs it any more"
_INCLUDED = "left: a file that could not be restored may include it"
_STUCK = "LEFT AS IT IS: edited since in the very lines of the set-up; take them out by hand"
_RANKS = (_AS_BEFORE, _REMOVED, _RESTORED, _MERGED, _DELETED, _EDITED_OURS, _INCLUDED, _STUCK)
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

    Raises SetupError where a file is no longer as it was shown, or cannot be written; what was
    written before it is put back.
    """
    _check_unchanged(changes)
    kept = folder / now.strftime("%Y%m%dT%H%M%S.%fZ")
    done: list[FileChange] = []
    try:
        _make_daemons_folders(changes)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        kept.mkdir(mode=0o700)
        _write(kept / _FILE, json.dumps([_row(change) for change in changes], indent=1), None)
        for change in changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not change.path.exists()
            _write(change.path, change.after, change.like, is_private=change.is_private)
            if change.is_daemons and is_new:
                change.path.chmod(0o644)
            done.append(change)
    except OSError as fault:
        for change in reversed(done):
            _restore(change.path, change.before)
        shutil.rmtree(kept, ignore_errors=True)
        raise SetupError(
            f"{fault.filename}: {fault.strerror}; nothing was changed: run it as root"
        ) from fault
    return kept


def _make_daemons_folders(changes: Sequence[FileChange]) -> None:
    """Make the folders of files that the daemon reads, whatever the umask of this process."""
    for change in changes:
        if change.is_daemons:
            for folder in reversed([one for one in change.path.parents if not one.exists()]):
                folder.mkdir()
                folder.chmod(0o755)


def _check_unchanged(changes: Sequence[FileChange]) -> None:
    for change in changes:
        now = text_of(change.path) if change.path.exists() else None
        if now != change.before:
            raise SetupError(f"{change.path}: changed meanwhile; nothing was written: run it again")


def undo(folder: Path, *, dry: bool = False) -> list[Restored]:
    """Take back every run, the newest first; return what became of each file.

    A file that was edited since keeps the edit. `dry` only says what would become of them.
    Raises SetupError where there is nothing to take back, or a file cannot be written.
    """
    runs = sorted(_runs(folder), reverse=True)
    if not runs:
        raise SetupError(f"{folder}: no set-up to undo there")
    undoing = _Undoing(dry=dry)
    try:
        for run in runs:
            undoing.take_back(json.loads((run / _FILE).read_text()))
            if not dry:
                run.rename(run.with_name(run.name + _DONE))
    except OSError as fault:
        raise SetupError(f"{fault.filename}: {fault.strerror}: run it as root, again") from fault
    return undoing.restored()


def _runs(folder: Path) -> Iterator[Path]:
    return (run for run in folder.glob("*Z") if (run / _FILE).exists())


class _Undoing:
    """Takes runs back, one after the other; what a dry one would have written is remembered."""

    def __init__(self, *, dry: bool) -> None:
        self._dry = dry
        self._texts: dict[Path, str | None] = {}
        self._how: dict[Path, str] = {}
        self._is_stuck = False

    def take_back(self, rows: Sequence[Mapping[str, str | None]]) -> None:
        """Take one run back: edited files first, so that none includes what is gone by then."""
        for row in sorted(rows, key=lambda row: row["before"] is None):
            path, before = Path(row["path"] or ""), row["before"]
            now = self._now(path)
            target, how = _target(before, row["after"] or "", now)
            if self._is_stuck and target is None and now is not None:
                target, how = now, _INCLUDED
            self._is_stuck = self._is_stuck or how == _STUCK
            if target != now and not self._dry:
                _restore(path, target)
            self._texts[path] = target
            self._note(path, how)

    def restored(self) -> list[Restored]:
        """Return what became of each file."""
        return [Restored(path, how) for path, how in self._how.items()]

    def _now(self, path: Path) -> str | None:
        if path not in self._texts:
            self._texts[path] = text_of(path) if path.exists() else None
        return self._texts[path]

    def _note(self, path: Path, how: str) -> None:
        """Keep the worse of what happened to a file in two runs."""
        if path not in self._how or _RANKS.index(how) > _RANKS.index(self._how[path]):
            self._how[path] = how


def _target(before: str | None, after: str, now: str | None) -> tuple[str | None, str]:
    """Return the text that the file gets, and what to say of it."""
    if now == before:
        return now, _AS_BEFORE
    if now == after:
        return before, _RESTORED if before is not None else _REMOVED
    if now is None:
        return None, _DELETED
    if before is None:
        return now, _EDITED_OURS
    merged = without_change(before, after, now)
    return (now, _STUCK) if merged is None else (merged, _MERGED)


def _restore(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        _write(path, text, path if path.exists() else None)


def _write(path: Path, text: str, like: Path | None, *, is_private: bool = False) -> None:
    """Write a file whole or not at all; an existing one keeps its owner and rights.

    A link keeps pointing where it points: its target is written.
    """
    target = path.resolve()
    is_new = not target.exists()
    model = like if is_new else target
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
            scratch.chmod(found.st_mode & (0o770 if is_private and is_new else 0o777))
        scratch.replace(target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _row(change: FileChange) -> dict[str, str | None]:
    return {"path": str(change.path), "before": change.before, "after": change.after}
