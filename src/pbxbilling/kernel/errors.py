"""The errors that subjects share; each message gives the reason and the fix."""

from __future__ import annotations

from typing import ClassVar

from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class ServiceError(Exception):
    """The root of every error that a caller is told; the message names thing, place and fix.

    `status` is HTTP's, `code` the word for programs, `exit_status` the command line's.
    """

    status: ClassVar[int] = 422
    code: ClassVar[str] = "refused"
    exit_status: ClassVar[int] = 1


@mypyc_attr(allow_interpreted_subclasses=True)
class AdministrationError(ServiceError):
    """A command cannot be carried out in the present state; the message gives reason and fix."""


class NotFoundError(AdministrationError):
    """Nothing has the name that was given."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "not_found"


class ContradictionError(AdministrationError):
    """What was sold contradicts itself, or the amount cannot be kept; nothing is charged."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "contradiction"


class NeedsDaemonError(AdministrationError):
    """The command needs live calls, which only a running daemon knows."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "needs_daemon"


class BusyError(ServiceError):
    """So much waits already that more would wait too long; the message says for what."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "busy"


@mypyc_attr(allow_interpreted_subclasses=True)
class StoreError(ServiceError):
    """The store cannot serve; the message names the file, the fault and the fix."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "store_unavailable"


class StaleError(StoreError):
    """Another process changed what this was decided by; nothing was written, and it was read anew.

    Decided again, it goes by what is there now.
    """


@mypyc_attr(allow_interpreted_subclasses=True)
class GatewayError(ServiceError):
    """The gateway could not be reached, or failed to act; the message says which, and the fix.

    `away`: it could not be reached, and a retry may help.
    """

    status: ClassVar[int] = 502
    code: ClassVar[str] = "gateway_failed"

    def __init__(self, message: str, *, away: bool) -> None:
        super().__init__(message)
        self.away = away


@mypyc_attr(allow_interpreted_subclasses=True)
class RejectedError(GatewayError):
    """The gateway understood the request and will never carry it out."""


class ForgedError(Exception):
    """A webhook body is not signed with any of our secrets, or was not signed just now."""


class UnreadableError(Exception):
    """What a gateway sent cannot be read; the message names the object and what it lacks."""
