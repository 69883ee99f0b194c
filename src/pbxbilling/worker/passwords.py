"""The job of hashing and comparing a password, in the worker's process."""

from __future__ import annotations

from pbxbilling.credentials.argon2id import hash_password, verify_password
from pbxbilling.worker.frames import Frames

JOB = "passwords"
HASH, VERIFY = "hash", "verify"


def hash_or_verify(given: Frames, made: Frames) -> None:
    """Put the hash of each password, and whether each is the one of its hash, with a newer hash."""
    for password in given.take(HASH):
        made.put(HASH, hash_password(password))
    for encoded, password in given.take(VERIFY):
        verified = verify_password(encoded, password)
        made.put(VERIFY, (verified.is_right, verified.renewed))
