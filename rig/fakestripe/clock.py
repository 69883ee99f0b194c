"""The fake's time: the machine's, or one set by a test."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime


class Clock:
    """A clock that stands still once set, and follows the machine until then."""

    def __init__(self) -> None:
        self._fixed: int | None = None

    def now(self) -> int:
        """Return whole seconds since 1970, as in every body of Stripe."""
        return int(time.time()) if self._fixed is None else self._fixed

    def set(self, at: datetime) -> None:
        """Set the time to `at` (aware), until set again or advanced."""
        self._fixed = int(at.timestamp())

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` (or back, if negative), and stand still from then on."""
        self._fixed = self.now() + int(seconds)

    def http_date(self) -> str:
        """Return the time for the Date header."""
        return format_datetime(datetime.fromtimestamp(self.now(), UTC), usegmt=True)
