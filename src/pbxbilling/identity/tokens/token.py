"""Tokens of programs: their form, and what is saved of them.

A token looks like `pbxb_ID_SECRET_CHECKSUM`, so that scanners of leaked secrets find it, and a
mistyped one is told from a revoked one without a look at the store. The secret is 256 random bits,
for which one round of SHA-256 is enough.
"""

from __future__ import annotations

import re
import secrets
import string
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_network
from typing import Final, NamedTuple
from zlib import crc32

from pbxbilling.identity.permissions import of_token
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.addresses import is_in
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.records import Record

ADMIN: Final = "admin"
"""The scope of all that a token may have."""

_FORM: Final = re.compile(r"pbxb_([a-z0-9]{12})_([A-Za-z0-9_-]{43})_([A-Za-z0-9]{6})")
_ID_LETTERS: Final = string.ascii_lowercase + string.digits
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH, _SECRET_BYTES, _CHECKSUM_LENGTH = 12, 32, 6

Draw = Callable[[int], bytes]  # so many random bytes


@dataclass(frozen=True, slots=True)
class Token(Record):
    """A token as it is saved, keyed by `id`; its secret is not known any more, only `digest`.

    `scopes` are permissions, or `ADMIN`. One with a `tenant` reaches its objects alone, one with
    `networks` is good from addresses in them alone.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    tenant: str | None
    networks: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_valid(self, secret: str, now: datetime) -> bool:
        """Return whether this secret is its own, and it is in force; takes the same time always."""
        is_its_own = compare_digest(digest_of(secret), self.digest)
        return is_its_own and self.is_in_force(now)

    def is_good_from(self, address: str) -> bool:
        """Return whether it may be used from an IP address."""
        return not self.networks or is_in(address, map(ip_network, self.networks))

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it has neither been revoked nor expired."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def principal(self) -> Principal:
        """Return who acts with it."""
        allowed = of_token(self.tenant)
        scopes = allowed if ADMIN in self.scopes else frozenset(self.scopes)
        permissions = frozenset(one for one in allowed if one in scopes)
        name = f"token {self.name}"
        return Principal(ActorType.TOKEN, name, permissions, self.tenant, self.id)


class Secret(NamedTuple):
    """A token in clear, in its two parts."""

    id: str
    secret: str

    @property
    def text(self) -> str:
        """Return the token as its owner gets it."""
        head = f"pbxb_{self.id}_{self.secret}"
        return f"{head}_{_checksum(head)}"

    @property
    def digest(self) -> str:
        """Return what is saved of it."""
        return digest_of(self.secret)


def new_secret(draw: Draw = secrets.token_bytes) -> Secret:
    """Draw a new token."""
    return Secret(new_ident(draw), new_text(draw))


def new_text(draw: Draw) -> str:
    """Draw a text that nobody guesses: 256 bits, in letters that a URL and a cookie may have."""
    return urlsafe_b64encode(draw(_SECRET_BYTES)).rstrip(b"=").decode()


def new_ident(draw: Draw) -> str:
    """Draw the id of a token or a user: unique for all practical purposes, and no secret."""
    return "".join(_ID_LETTERS[byte % len(_ID_LETTERS)] for byte in draw(_ID_LENGTH))


def parse_secret(text: str) -> Secret | None:
    """Return the parts of a token; None for any other text."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    secret = Secret(found[1], found[2])
    return secret if secret.text == text else None


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret, as hexadecimal digits."""
    return sha256(secret.encode()).hexdigest()


def _checksum(text: str) -> str:
    value, digits = crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        value, digit = divmod(value, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
