"""Builds the webhook post of an event: a proper one, or one that must be rejected.

https://docs.stripe.com/webhooks/signature
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from rig.fakestripe.bodies import Body

LIMIT_BYTES = 1024 * 1024
_TOO_OLD_S = 301
_TOO_EARLY_S = 330
"""Half a minute beyond the tolerance: the post's travel time reduces it."""


class Manner(StrEnum):
    """How an event is posted. All but PROPER must be answered 400, and change nothing."""

    PROPER = "proper"
    FORGED = "forged"
    """Signed with a secret that is not ours."""
    UNSIGNED = "unsigned"
    """Without a signature."""
    GARBLED = "garbled"
    """With a malformed signature header."""
    TAMPERED = "tampered"
    """With one byte of the body changed after signing."""
    TRUNCATED = "truncated"
    """With the signature of the whole and half of the body."""
    OVERSIZED = "oversized"
    """Properly signed, and longer than 1 MiB."""
    OLD = "old"
    """Properly signed, 301 seconds ago."""
    FUTURE = "future"
    """Properly signed, 330 seconds from now."""
    WRONG_MODE = "wrong mode"
    """Properly signed, but of the other mode: live for test."""


class Post(NamedTuple):
    """What is sent over the wire."""

    body: bytes
    headers: dict[str, str]


def signature(body: bytes, secrets: Sequence[str], at: int) -> str:
    """Return the Stripe-Signature header; one `v1=` per secret, as during a rotation."""
    signed = f"{at}.".encode() + body
    marks = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])


def post(event: Body, secrets: Sequence[str], now: int, manner: Manner = Manner.PROPER) -> Post:
    """Return the event, signed at `now` with each of the secrets, in the given manner."""
    if manner is Manner.WRONG_MODE:
        event = event | {"livemode": not event["livemode"]}
    body = json.dumps(event, indent=2).encode()
    if manner is Manner.OVERSIZED:
        body += b" " * (LIMIT_BYTES + 1 - len(body))
    at = now + {Manner.OLD: -_TOO_OLD_S, Manner.FUTURE: _TOO_EARLY_S}.get(manner, 0)
    signers = ["whsec_forger"] if manner is Manner.FORGED else secrets
    header = "garbled" if manner is Manner.GARBLED else signature(body, signers, at)
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header}
    if manner is Manner.UNSIGNED:
        del headers["Stripe-Signature"]
    return Post(_damaged(body, manner), headers)


def _damaged(body: bytes, manner: Manner) -> bytes:
    if manner is Manner.TRUNCATED:
        return body[: len(body) // 2]
    return body.replace(b'"id"', b'"Id"', 1) if manner is Manner.TAMPERED else body
