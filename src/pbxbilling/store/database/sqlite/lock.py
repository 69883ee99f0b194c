"""Locks the database for one daemon, or for one command while no daemon runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.sqlite.faults import check_folder
from pbxbilling.store.database.sqlite.owner import check_plain, create_owned, how_to_fix


@contextmanager
def database_lock(path: Path) -> Iterator[None]:
    """Hold `NAME.lock` with this process's id in it; the kernel releases it however we end.

    The file itself stays: deleting it would let two processes lock two files of one name.
    Raises `StoreError` at once where another process holds it.
    """
    check_folder(path)
    lock = path.with_name(f"{path.name}.lock")
    descriptor = _open(lock, path)
    try:
        _take(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> str | None:
    """Return the id of the process that holds the lock; "" if unknown, None if it is free.

    Creates no file. Raises `StoreError`.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"lock {lock} cannot be read: {error.strerror}; {how_to_fix(path)}"
        raise StoreError(msg) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _written(descriptor: int) -> str:
    return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()


def _open(lock: Path, database: Path) -> int:
    """Open the lock file; a new one belongs to the folder's owner, as the database does."""
    check_plain(lock)
    try:
        try:
            return create_owned(lock, 0o600)
        except FileExistsError:
            return os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        msg = f"lock {lock} cannot be opened: {error.strerror}; {how_to_fix(database)}"
        raise StoreError(msg) from error


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        msg = (
            f"database {path} is in use by process {_written(descriptor) or '?'}: if that is the"
            " daemon, run the command as a user with access to its admin socket; else wait for the"
            " process, or end it"
        )
        raise StoreError(msg) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
