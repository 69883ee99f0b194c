"""Whether a webhook's body comes from Stripe, and is of now.

The check itself is the stripe package's; it lets any time pass that lies in the future, and reads
the machine's clock, so the time is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from stripe import SignatureVerificationError, WebhookSignature

TOLERANCE = timedelta(seconds=300)  # Stripe's own default, here both ways

_TIME = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")


class ForgedError(Exception):
    """This body was not signed with any of our secrets, or not about now."""


def verify(body: bytes, header: str, secrets: Sequence[str], now: datetime) -> None:
    """Raise ForgedError unless `header` (`Stripe-Signature`) signs `body` with one of `secrets`.

    Several secrets are good while one replaces another.
    """
    if not any(_signed(body, header, secret) for secret in secrets):
        raise ForgedError("no signature of ours")
    signed_at = _TIME.search(header)
    if signed_at is None:
        raise ForgedError("no time in its signature")
    away = now - datetime.fromtimestamp(int(signed_at[1]), UTC)
    if abs(away) > TOLERANCE:
        ago = f"{away.total_seconds():.0f} s {'ago' if away > timedelta() else 'ahead'}"
        raise ForgedError(f"signed {ago}: replayed, or this machine's clock is wrong")


def _signed(body: bytes, header: str, secret: str) -> bool:
    if not header.isascii():  # the package would raise TypeError
        return False
    try:
        return bool(WebhookSignature.verify_header(body, header, secret))
    except (SignatureVerificationError, UnicodeError):
        return False
