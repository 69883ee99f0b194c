"""An event as it is posted to a webhook: properly, or in a way that must be turned away.

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
"""Half a minute more than is allowed: on its way it grows less."""


class Manner(StrEnum):
    """How an event is posted. All but PROPER must be answered 400, and leave nothing behind."""

    PROPER = "proper"
    FORGED = "forged"
    """Signed with a secret that is none of ours."""
    UNSIGNED = "unsigned"
    """No signature at all."""
    GARBLED = "garbled"
    """A signature header that is not one."""
    TAMPERED = "tampered"
    """One byte of the body is not what was signed."""
    TRUNCATED = "truncated"
    """The signature of the whole, and half of the body."""
    OVERSIZED = "oversized"
    """Properly signed, and more than 1 MiB."""
    OLD = "old"
    """Properly signed, 301 seconds ago."""
    FUTURE = "future"
    """Properly signed, 330 seconds from now."""
    WRONG_MODE = "wrong mode"
    """Properly signed, and of the other mode: live for test."""


class Post(NamedTuple):
    """What goes over the wire."""

    body: bytes
    headers: dict[str, str]


def signature(body: bytes, secrets: Sequence[str], at: int) -> str:
    """The Stripe-Signature header; one `v1=` for each secret, as while one is rotated."""
    signed = f"{at}.".encode() + body
    marks = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])


def post(event: Body, secrets: Sequence[str], now: int, manner: Manner = Manner.PROPER) -> Post:
    """The event, signed at `now` with each of the secrets, in the manner asked for."""
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
