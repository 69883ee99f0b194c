"""A consistent copy of a database file that may be in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pbxbilling.ports import StoreError
from pbxbilling.store.faults import check_folder, store_error


def copy_database(source: Path, target: Path) -> None:
    """Copy by SQLite's backup API; `target` appears, or is replaced, when the copy is on disk.

    Raises `StoreError`; a copy that failed leaves nothing behind.
    """
    check_folder(target)
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        _copy(source, partial)
        os.replace(partial, target)
        _sync(target.parent)
    except OSError as error:
        raise StoreError(f"copy {target} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(target)) as copy:
            with closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
            ) as live:
                live.backup(copy)
            # A copy is one file: a log beside it would be forgotten when it is moved.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        fault = store_error(source, error)
        raise StoreError(f"copy {target} was not made: {fault}") from error
    _sync(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
