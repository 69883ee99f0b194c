"""Why something cannot be done as things stand: each message says why, and the mend."""

from __future__ import annotations

from typing import ClassVar

from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class ServiceError(Exception):
    """The root of what a caller can be told: the message names the thing, the place and the fix.

    `status` is HTTP's, `code` the word for programs, `exit_status` the command line's.
    """

    status: ClassVar[int] = 422
    code: ClassVar[str] = "refused"
    exit_status: ClassVar[int] = 1


@mypyc_attr(allow_interpreted_subclasses=True)
class AdministrationError(ServiceError):
    """What was asked for cannot be done as things stand; the message says why, and the mend."""


class NotFoundError(AdministrationError):
    """There is nothing of the name that was given."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "not_found"


class ContradictionError(AdministrationError):
    """What was sold contradicts itself, or comes to more than can be kept: nothing is charged."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "contradiction"


class NeedsDaemonError(AdministrationError):
    """Only a running daemon knows the live calls."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "needs_daemon"


@mypyc_attr(allow_interpreted_subclasses=True)
class StoreError(ServiceError):
    """The store cannot serve: the message names the file, the fault and the mend."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "store_unavailable"


@mypyc_attr(allow_interpreted_subclasses=True)
class GatewayError(ServiceError):
    """The gateway could not be asked, or did not do it: the message says which, and the mend.

    `away` tells the first from the second: asking again may help.
    """

    status: ClassVar[int] = 502
    code: ClassVar[str] = "gateway_failed"

    def __init__(self, message: str, *, away: bool) -> None:
        super().__init__(message)
        self.away = away


@mypyc_attr(allow_interpreted_subclasses=True)
class RejectedError(GatewayError):
    """The gateway understood the request, and will never do it."""


class ForgedError(Exception):
    """A body was not signed with any of our secrets, or not about now."""


class UnreadableError(Exception):
    """What a gateway sent cannot be understood; the message names the object and what it lacks."""
