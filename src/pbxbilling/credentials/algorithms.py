"""Hashes passwords (Argon2id), and computes codes of the moment (TOTP), by libraries.

Argon2id has the second recommended choice of RFC 9106, 4: t=3, 64 MiB, p=4. A hash takes 0.2 s of
CPU: not for a loop. Codes have six digits of SHA-1 (RFC 6238), as every application expects.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pyotp import HOTP, TOTP

from pbxbilling.identity.ports import Verified

ISSUER: Final = "pbxbilling"
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


def hash_password(password: str) -> str:
    """Return the encoded hash."""
    return _HASHER.hash(password)


def verify_password(encoded: str, password: str) -> Verified:
    """Compare a password with a hash; with "" it takes as long, and is wrong."""
    try:
        _HASHER.verify(encoded or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return Verified(is_right=False)
    if not encoded:
        return Verified(is_right=False)
    is_old = _HASHER.check_needs_rehash(encoded)
    return Verified(is_right=True, renewed=hash_password(password) if is_old else "")


@cache
def _nobodys() -> str:
    """Return the hash that is compared where there is no user."""
    return hash_password("")


class PyOtp:
    """The port `OneTimeCodes`."""

    def code(self, secret: str, step: int) -> str:
        """Return the six digits of a step."""
        return HOTP(secret).at(step)

    def address(self, secret: str, email: str) -> str:
        """Return the `otpauth://` address that an application reads from a picture."""
        return str(TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))
