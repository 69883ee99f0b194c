"""A consistent copy of a database file that may be in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pbxbilling.ports import StoreError
from pbxbilling.store.faults import check_folder, store_error

MODE = 0o600  # it holds what the database holds: who called whom


def copy_database(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy by SQLite's backup API; `target` appears when the copy is whole, sound and on disk.

    Raises `StoreError`, also where `target` exists and is not to be replaced; a copy that failed
    leaves nothing behind.
    """
    check_folder(target)
    _check_free(target, replace=replace)
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(MODE, exist_ok=False)
        _copy(source, partial)
        _check_free(target, replace=replace)  # a copy may take minutes
        os.replace(partial, target)
        _sync(target.parent)
    except OSError as error:
        raise StoreError(f"copy {target} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _check_free(target: Path, *, replace: bool) -> None:
    if not replace and os.path.lexists(target):
        raise StoreError(f"copy {target} was not made: the file exists; name another, or remove it")


def _copy(source: Path, target: Path) -> None:
    """In one step, so that writers of other processes never make it begin again."""
    try:
        with closing(sqlite3.connect(target)) as copy:
            with closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
            ) as live:
                live.backup(copy)
            # A copy is one file: a log beside it would be forgotten when it is moved.
            copy.execute("PRAGMA journal_mode=DELETE")
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        fault = store_error(source, error)
        raise StoreError(f"copy of {source} was not made: {fault}") from error
    if found != "ok":
        raise StoreError(f"copy of {source} was not made: the database is damaged [{found}]")
    _sync(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
