"""Why something cannot be done as things stand: each message says why, and the mend."""

from __future__ import annotations

from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class AdministrationError(Exception):
    """What was asked for cannot be done as things stand; the message says why, and the mend."""


class NotFoundError(AdministrationError):
    """There is nothing of the name that was given."""


class NeedsDaemonError(AdministrationError):
    """Only a running daemon knows the live calls."""


@mypyc_attr(allow_interpreted_subclasses=True)
class StoreError(Exception):
    """The store cannot serve: the message names the file, the fault and the mend."""


@mypyc_attr(allow_interpreted_subclasses=True)
class GatewayError(Exception):
    """The gateway could not be asked, or did not do it: the message says which, and the mend.

    `away` tells the first from the second: asking again may help.
    """

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
