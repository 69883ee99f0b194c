"""Hashes passwords with Argon2id (RFC 9106). A hash takes 0.2 s of CPU and 64 MiB: not for a loop.

The parameters are the second recommended choice of RFC 9106, 4: t=3, 64 MiB, p=4.
"""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pbxbilling.identity.ports import Verified

_HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


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
