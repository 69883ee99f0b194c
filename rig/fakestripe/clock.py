"""The time as the fake sees it: the machine's, or what a test sets."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime


class Clock:
    """Stands still once set; runs with the machine until then."""

    def __init__(self) -> None:
        self._fixed: int | None = None

    def now(self) -> int:
        """Whole seconds since 1970, as in every body of Stripe."""
        return int(time.time()) if self._fixed is None else self._fixed

    def set(self, at: datetime) -> None:
        """It is `at` (aware), until set again or advanced."""
        self._fixed = int(at.timestamp())

    def advance(self, seconds: float) -> None:
        """Go on by `seconds`, or back; it stands still from here on."""
        self._fixed = self.now() + int(seconds)

    def http_date(self) -> str:
        """For the Date header."""
        return format_datetime(datetime.fromtimestamp(self.now(), UTC), usegmt=True)
