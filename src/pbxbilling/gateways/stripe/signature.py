"""The `WebhookReader` port for Stripe: verify that a body is Stripe's and recent, and parse it.

The stripe package checks the signature. Its check of the time accepts any time in the future and
reads the machine's clock, so the time is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from stripe import SignatureVerificationError, WebhookSignature

from pbxbilling.gateways.stripe import objects
from pbxbilling.kernel.errors import ForgedError
from pbxbilling.kernel.ports import Clock
from pbxbilling.subscriptions.events import Message

TOLERANCE = timedelta(seconds=300)  # Stripe's own default, here in both directions

_TIME = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")


class StripeWebhooks:
    """Verifies bodies by their `Stripe-Signature` header.

    Several secrets are valid while one replaces another.
    """

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        self._secrets = tuple(secrets)
        self._clock = clock

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise ForgedError unless one of the secrets signed the body within `TOLERANCE`."""
        signature = headers.get("Stripe-Signature", "")
        if not any(_signed(body, signature, secret) for secret in self._secrets):
            raise ForgedError("no signature by one of our secrets")
        signed_at = _TIME.search(signature)
        if signed_at is None:
            raise ForgedError("its signature has no timestamp")
        away = self._clock.now() - datetime.fromtimestamp(int(signed_at[1]), UTC)
        if abs(away) > TOLERANCE:
            ago = f"{away.total_seconds():.0f} s {'ago' if away > timedelta() else 'ahead'}"
            raise ForgedError(f"signed {ago}: replayed, or this machine's clock is wrong")

    def parse(self, body: bytes | str) -> Message:
        """Parse the event in a body. Raises UnreadableError."""
        return objects.message(body)


def _signed(body: bytes, header: str, secret: str) -> bool:
    if not header.isascii():  # the package would raise TypeError
        return False
    try:
        return bool(WebhookSignature.verify_header(body, header, secret))
    except (SignatureVerificationError, UnicodeError):
        return False
