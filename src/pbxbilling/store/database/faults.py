"""What SQLite complains of, in words that name the file, the fault and the mend."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.owner import mend


class RecordError(StoreError):
    """The database is well, but one of these records will never fit it."""


class FileError(StoreError):
    """The file itself is at fault: another may stand in its place by now, so open it anew."""


# By SQLite's primary result codes, https://www.sqlite.org/rescode.html
_MENDS = {
    sqlite3.SQLITE_BUSY: "is locked by another process: end that one (`fuser {path}` names it)",
    sqlite3.SQLITE_LOCKED: "is locked by another process: end that one (`fuser {path}` names it)",
    sqlite3.SQLITE_READONLY: "is read-only: {mend}",
    sqlite3.SQLITE_PERM: "is read-only: {mend}",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: {mend}",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away and put a copy in its place ({path}.*.bak)",
    sqlite3.SQLITE_NOTADB: "is no SQLite database: name another file in database.url, or move it",
    sqlite3.SQLITE_FULL: "cannot grow: the disk of {folder} is full, make room there",
    sqlite3.SQLITE_IOERR: "cannot be read or written: look at the disk of {folder}",
}

_OF_THE_FILE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR,
}


def store_error(path: Path, error: sqlite3.Error | SQLAlchemyError) -> StoreError:
    """The same fault for a person; the database's own words stand in brackets."""
    cause: object = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else 0  # the rest is the extended code
    told = _MENDS.get(primary)
    if told is None:
        return StoreError(f"database {path} failed: {cause}")
    kind = FileError if primary in _OF_THE_FILE else StoreError
    told = told.format(path=path, folder=path.parent, mend=mend(path) if "{mend}" in told else "")
    return kind(f"database {path} {told} [{cause}]")


@contextmanager
def told_as_store_errors(path: Path) -> Iterator[None]:
    """Turn the database's errors into `StoreError`, a record's own fault into `RecordError`."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise RecordError(f"database {path} refuses a record: {error.orig}") from error
    except (sqlite3.Error, DBAPIError) as error:
        raise store_error(path, error) from error
    except PoolTimeout as error:
        raise StoreError(f"database {path} is busy: its connections are all in use") from error
    except (SQLAlchemyError, ValueError, TypeError, OverflowError) as error:
        raise RecordError(f"database {path} cannot hold a record: {error}") from error


def check_folder(path: Path) -> None:
    """Raise `StoreError` where SQLite would only say that it is unable to open the file."""
    if not path.parent.is_dir():
        msg = (
            f"database {path} has no folder: create {path.parent} for the daemon's user, or start"
            " the daemon, whose unit does"
        )
        raise StoreError(msg)
    if path.is_dir():
        raise StoreError(f"database {path} is a folder: name a file in database.url")


def check_exists(path: Path) -> None:
    """Raise `StoreError` where there is no database to read: reading makes none."""
    check_folder(path)
    if not path.exists() or not path.stat().st_size:
        msg = (
            f"database {path} is not there yet: the daemon makes it at its first start"
            " (`systemctl enable --now pbxbilling`), and so does `pbxbilling apply FILE`"
        )
        raise StoreError(msg)
