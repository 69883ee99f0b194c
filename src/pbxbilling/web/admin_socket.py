"""The path of the admin socket: taken with a lock beside it, and given up only while it is ours.

Whatever else stands at the path stays: a plain file, a link, the socket of a living server.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path

_BACKLOG = 64
_SOCKET_MODE = 0o660  # for owner and group
_FOLDER_MODE = 0o750
_PROBE_S = 1.0


class PathTakenError(Exception):
    """The path cannot be ours; the message names what is there, and the fix."""


class AdminSocket:
    """Listens at a path until it is closed; who serves `listener` closes that one.

    The lock lives as long as this process. Its file `PATH.lock` stays: if it were deleted, two
    processes could lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        """Raise PathTakenError where something else is there, OSError where it cannot be made."""
        self._path = path
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            path.parent.chmod(_FOLDER_MODE)  # whatever the umask: the group uses the socket
        self._lock = _locked(path)
        try:
            _make_room(path)
            self.listener = _bound(path)
            self._made = _identity(path)
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Remove the path if the socket there is still ours, then give up the lock."""
        if self._lock < 0:
            return
        if _identity(self._path) == self._made:
            self._path.unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1


def _locked(path: Path) -> int:
    """Lock the file beside the socket, with our process id in it."""
    lock = path.with_name(f"{path.name}.lock")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(lock, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "?"
        os.close(descriptor)
        msg = f"process {holder} listens there: give each daemon an http.admin of its own"
        raise PathTakenError(msg) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _make_room(path: Path) -> None:
    """Remove a socket that nobody listens on any more; leave everything else alone."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        msg = "what is there is no socket: move it away, or choose another path"
        raise PathTakenError(msg)
    if _is_served(path):
        msg = "another program listens there: end it, or choose another path"
        raise PathTakenError(msg)
    path.unlink()


def _is_served(path: Path) -> bool:
    """Return whether a connection is not refused; one that hangs has a server, too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(str(path))
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
        return True


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(_SOCKET_MODE)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of what is at the path; None if nothing is."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
