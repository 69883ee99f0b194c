"""Whom a link tells how it fares: the telemetry, and the service that reconciles."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pbxbilling.calls.live.signals import Signal


class LinkObserver(Protocol):
    """Called on the event loop, in order with the signals; must neither wait nor raise."""

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """Logged in and fully booted; `uptime_s` of Asterisk where it says so."""
        ...

    def disconnected(self, pbx: str, reason: str) -> None:
        """The link is down, or could not be made; it is tried again by itself."""
        ...

    def login_failed(self, pbx: str, message: str) -> None:
        """The manager refuses us: somebody must mend the user, its secret or its permit."""
        ...

    def clock_told(self, pbx: str, at: datetime) -> None:
        """What the PBX's own clock shows: all that it told before is of before then."""
        ...

    def unmapped(self, pbx: str, event: str) -> None:
        """An event or a row of a kind that matters lacks what makes it one; it was skipped."""
        ...

    def oversized(self, pbx: str, messages: int) -> None:
        """So many messages above the cap were skipped."""
        ...

    def broken(self, pbx: str, mended: int, lost: int) -> None:
        """A caller wrote line breaks into so many messages: put together again, or lost."""
        ...

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """The sink raised over that signal; the next ones are handed on all the same."""
        ...
