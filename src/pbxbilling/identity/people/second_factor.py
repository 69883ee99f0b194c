"""The second factor: codes of the moment (RFC 6238), each once, and recovery codes, each once."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from pbxbilling.identity.people.user import User
from pbxbilling.identity.ports import OneTimeCodes
from pbxbilling.identity.tokens.token import Draw

STEP_S: Final = 30
ASIDE: Final = (0, -1, 1)  # steps: a phone's clock may be half a minute off
SECRET_BYTES: Final = 20  # RFC 4226, 4: 160 bits
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10  # 80 bits: guessing is throttled, and a digest does not give them away


def step_of(now: datetime) -> int:
    """Return the number of the present step."""
    return int(now.timestamp()) // STEP_S


def new_totp(draw: Draw) -> str:
    """Draw a secret, in the base 32 that applications read."""
    return b32encode(draw(SECRET_BYTES)).decode()


def matching_step(user: User, code: str, now: datetime, codes: OneTimeCodes) -> int | None:
    """Return the step whose code this is; None for any other, and for one that was used."""
    given, current = code.replace(" ", ""), step_of(now)
    for aside in ASIDE:
        step = current + aside
        if step > user.totp_step and compare_digest(codes.code(user.totp, step), given):
            return step
    return None


def new_recovery(draw: Draw) -> tuple[str, ...]:
    """Draw recovery codes, in groups that can be typed."""
    texts = (b32encode(draw(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES))
    return tuple("-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts)


def recovery_digest(code: str) -> str:
    """Return what is saved of a recovery code, however it is typed."""
    plain = "".join(filter(str.isalnum, code)).lower()
    return sha256(plain.encode()).hexdigest()


def after_use(user: User, code: str, now: datetime, codes: OneTimeCodes) -> User | None:
    """Return the user after a code of either kind was used; None where it is none of theirs."""
    if user.totp and (step := matching_step(user, code, now, codes)) is not None:
        return replace(user, totp_step=step)
    digest = recovery_digest(code)
    if digest in user.recovery:
        left = tuple(one for one in user.recovery if one != digest)
        return replace(user, recovery=left)
    return None
