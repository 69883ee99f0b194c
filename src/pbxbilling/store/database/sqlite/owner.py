"""Gives the database and the files beside it to the folder's owner, whichever user creates them.

Otherwise a command run as root before the daemon's first start would leave a database and a lock
that the daemon cannot open. SQLite does the same for its own -wal and -shm
(https://www.sqlite.org/src/file/src/os_unix.c, `robustFchown`).
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pbxbilling.kernel.errors import StoreError

_ROOT = 0
_FOR_OTHERS = stat.S_IXGRP | stat.S_IRWXO
_BESIDE = ("", "-wal", "-shm", ".lock")


def create_owned(path: Path, mode: int) -> int:
    """Create a file, give it to the owner of its folder, and return a read-write descriptor.

    Only the file created here changes its owner, whatever the folder's owner puts in its place
    meanwhile. Raises OSError; FileExistsError where anything has that name.
    """
    with _opened(path.parent) as folder:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, mode, dir_fd=folder)
        try:
            owner = os.fstat(folder)
            if os.geteuid() == _ROOT and owner.st_uid != _ROOT:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def prepare_database(path: Path) -> None:
    """Create the empty file of a new database where SQLite's own would belong to root.

    Raises StoreError.
    """
    if not _is_anothers_folder(path.parent):
        return
    for end in _BESIDE:
        check_plain(path.with_name(path.name + end))
    if not path.exists():
        try:
            os.close(create_owned(path, 0o600))
        except OSError as error:
            msg = f"database {path} cannot be created: {error.strerror}: {how_to_fix(path)}"
            raise StoreError(msg) from error


def let_group_read(path: Path) -> None:
    """Let the group of the folder read the database where the folder is for it, and for no others.

    So the process that faces the world reads it as a user of its own. SQLite gives -wal and -shm
    the mode of the database.
    """
    try:
        folder = path.parent.stat()
        if folder.st_mode & _FOR_OTHERS != stat.S_IXGRP:
            return
        for end in ("", "-wal", "-shm"):
            _let_group_read(path.with_name(path.name + end), folder.st_gid)
    except OSError:
        return  # it is another's, or gone meanwhile: whoever then cannot read it says so


def _let_group_read(file: Path, group: int) -> None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        found = os.fstat(descriptor)
        if found.st_gid == group and not found.st_mode & stat.S_IRGRP:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) | stat.S_IRGRP)
    finally:
        os.close(descriptor)


def check_plain(path: Path) -> None:
    """Keep root from writing to a file elsewhere that a folder's owner has linked here.

    A missing file is fine. Raises StoreError for a symbolic link that root does not own, and for
    a second hard link to a file that the folder's owner does not own.
    """
    try:
        found, owner = path.lstat(), path.parent.stat().st_uid
    except OSError:
        return
    if not _is_anothers_folder(path.parent):
        return
    linked = stat.S_ISLNK(found.st_mode) and found.st_uid != _ROOT
    if linked or (found.st_nlink > 1 and found.st_uid != owner):
        msg = f"{path} is a link to a file elsewhere: replace it by the file itself"
        raise StoreError(msg)


def _is_anothers_folder(folder: Path) -> bool:
    return os.geteuid() == _ROOT and folder.stat().st_uid != _ROOT


def how_to_fix(path: Path) -> str:
    """Return the fix for a database file that this user cannot use, by who owns it."""
    me, folder = os.geteuid(), path.parent
    owner = _owner(folder)
    strangers = [
        (file, uid)
        for file in (path.with_name(path.name + end) for end in _BESIDE)
        if (uid := _owner(file)) not in {None, owner}
    ]
    if strangers:
        file, uid = strangers[0]
        return (
            f"{file} belongs to {name_of(uid)} and its folder to {name_of(owner)}: as root,"
            f" `chown --reference={folder} {path}*`"
        )
    if owner not in {None, me} and _owner(path) not in {None, me}:
        return f"it belongs to {name_of(owner)}: run this as that user, or as root"
    return (
        f"give this user write access to it and its folder {folder}, which belongs to"
        f" {name_of(owner)}"
    )


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def name_of(uid: int | None) -> str:
    """Return a user's name, or the number of a user without one."""
    if uid is None:
        return "an unknown user"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
