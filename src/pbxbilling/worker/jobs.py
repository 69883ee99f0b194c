"""The jobs of the worker by name: what is made of what is given, without the daemon's state."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from pbxbilling import __version__
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.process import REFUSED

Job = Callable[[Frames, Frames], None]

# The module of each, and its function: a process imports those of its own job only.
JOBS: dict[str, str] = {
    "accounts": "pbxbilling.worker.accounts:compare",
    "passwords": "pbxbilling.worker.jobs:hash_or_verify",
    "statements": "pbxbilling.worker.statements:close",
}

_LINES_MOST = 1000  # of a message: a file can have a fault in each of its 100,000 tenants


PASSWORDS = "passwords"
HASH, VERIFY = "hash", "verify"  # its frames


def hash_or_verify(given: Frames, made: Frames) -> None:
    """Put the hash of each password, and whether each is the one of its hash, with a newer hash."""
    from pbxbilling.credentials.algorithms import hash_password, verify_password

    for password in given.take(HASH):
        made.put(HASH, hash_password(password))
    for encoded, password in given.take(VERIFY):
        verified = verify_password(encoded, password)
        made.put(VERIFY, (verified.is_right, verified.renewed))


def perform(name: str, given: Frames, made: Frames) -> None:
    """Run a job; `made` is complete when it returns, and has what the job refuses."""
    try:
        _check_version(next(given.take("version"), ""))
        _job(name)(given, made)
    except ServiceError as refusal:
        places = getattr(refusal, "places", ())
        made.put(REFUSED, (refusal.status, refusal.code, shortened(str(refusal)), places))
    made.seal()


def _job(name: str) -> Job:
    module, _, function = JOBS[name].partition(":")
    job: Job = getattr(import_module(module), function)
    return job


def _check_version(of_daemon: str) -> None:
    """Refuse the work of a daemon that has been replaced on the disk since it was started."""
    if of_daemon != __version__:
        msg = (
            f"the running daemon has version {of_daemon}, and {__version__} is installed: restart"
            " the daemon"
        )
        raise ServiceError(msg)


def shortened(message: str) -> str:
    """Return a message of at most `_LINES_MOST` lines, which counts the rest."""
    lines = message.split("\n", _LINES_MOST)
    if len(lines) <= _LINES_MOST:
        return message
    more = lines.pop().count("\n") + 1
    return "\n".join([*lines, f"and {more} more faults"])
