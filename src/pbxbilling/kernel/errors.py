"""The errors that subjects share; each message gives the reason and the fix."""

from __future__ import annotations

from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class AdministrationError(Exception):
    """A command cannot be carried out in the present state; the message gives reason and fix."""


class NotFoundError(AdministrationError):
    """Nothing has the name that was given."""


class NeedsDaemonError(AdministrationError):
    """The command needs live calls, which only a running daemon knows."""


@mypyc_attr(allow_interpreted_subclasses=True)
class StoreError(Exception):
    """The store cannot serve; the message names the file, the fault and the fix."""


@mypyc_attr(allow_interpreted_subclasses=True)
class GatewayError(Exception):
    """The gateway could not be reached, or failed to act; the message says which, and the fix.

    `away`: it could not be reached, and a retry may help.
    """

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
