"""Translates SQLite's errors into `StoreError`s that name the file, the fault and the fix."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.faults import ReopenError, driver_error
from pbxbilling.store.database.sqlite.owner import how_to_fix

# By SQLite's primary result codes, https://www.sqlite.org/rescode.html
_FIXES = {
    sqlite3.SQLITE_BUSY: "is locked by another process: end that one (`fuser {path}` names it)",
    sqlite3.SQLITE_LOCKED: "is locked by another process: end that one (`fuser {path}` names it)",
    sqlite3.SQLITE_READONLY: "is read-only: {how_to_fix}",
    sqlite3.SQLITE_PERM: "is read-only: {how_to_fix}",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: {how_to_fix}",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away and put a copy in its place ({path}.*.bak)",
    sqlite3.SQLITE_NOTADB: (
        "is not an SQLite database: name another file in database.url, or move it"
    ),
    sqlite3.SQLITE_FULL: "cannot grow: the disk of {folder} is full, make room there",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check the disk of {folder}",
}

_OF_THE_FILE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR,
}


def store_error(path: Path, error: sqlite3.Error | DBAPIError) -> StoreError:
    """Translate an error for the operator; SQLite's own message follows in brackets."""
    cause = driver_error(error)
    code = getattr(cause, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else 0  # the other bits: the extended code
    message = _FIXES.get(primary)
    if message is None:
        return StoreError(f"database {path} failed: {cause}")
    kind = ReopenError if primary in _OF_THE_FILE else StoreError
    message = message.format(
        path=path,
        folder=path.parent,
        how_to_fix=how_to_fix(path) if "{how_to_fix}" in message else "",
    )
    return kind(f"database {path} {message} [{cause}]")


def check_folder(path: Path) -> None:
    """Raise `StoreError` where SQLite would only report "unable to open database file"."""
    if not path.parent.is_dir():
        msg = (
            f"database {path} has no folder: create {path.parent} for the daemon's user, or start"
            " the daemon's systemd unit, which creates it"
        )
        raise StoreError(msg)
    if path.is_dir():
        raise StoreError(f"database {path} is a folder: name a file in database.url")


def check_exists(path: Path) -> None:
    """Raise `StoreError` if there is no database to read: reading never creates one."""
    check_folder(path)
    if not path.exists() or not path.stat().st_size:
        msg = (
            f"database {path} does not exist yet: the daemon creates it at its first start"
            " (`systemctl enable --now pbxbilling`), and so does `pbxbilling apply FILE`"
        )
        raise StoreError(msg)
