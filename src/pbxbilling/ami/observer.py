"""What an AMI link reports, to the telemetry and to the service that reconciles."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pbxbilling.calls.live.signals import Signal


class LinkObserver(Protocol):
    """Called on the event loop, in order with the signals; must neither wait nor raise."""

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """The link is logged in and Asterisk fully booted; `uptime_s` is Asterisk's, if known."""
        ...

    def disconnected(self, pbx: str, reason: str) -> None:
        """The link is down, or could not be opened; it retries by itself."""
        ...

    def login_failed(self, pbx: str, message: str) -> None:
        """The manager rejected the login: an operator must fix the user, its secret or permit."""
        ...

    def clock_reported(self, pbx: str, at: datetime) -> None:
        """The PBX's own clock shows `at`: all that it reported before happened before then."""
        ...

    def unmapped(self, pbx: str, event: str) -> None:
        """An event or row of a kind that matters lacks required fields; it was skipped."""
        ...

    def oversized(self, pbx: str, messages: int) -> None:
        """This many messages above the size cap were skipped."""
        ...

    def broken(self, pbx: str, rejoined: int, lost: int) -> None:
        """A caller wrote line breaks into this many messages: repaired, or lost."""
        ...

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """The sink raised on this signal; later signals are still handed on."""
        ...
