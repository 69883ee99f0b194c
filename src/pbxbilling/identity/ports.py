"""What identity needs from outside: its store, hashes of passwords, codes of the moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from pbxbilling.identity.people.user import CustomRole, User
from pbxbilling.identity.records import KeptAnswer
from pbxbilling.identity.tokens.token import Token
from pbxbilling.kernel.ports import Transaction

T = TypeVar("T")


class IdentityStore(Protocol):
    """Reads users, roles and tokens. Raises StoreError.

    What it returns is what the last committed transaction left: whoever asks here whether a token
    is in force hears of its revocation at once, in whichever process.
    """

    async def user(self, ident: str) -> User | None:
        """Return a user by their id; None if there is none."""
        ...

    async def user_of(self, email: str) -> User | None:
        """Return a user by their mail address, in small letters; None if there is none."""
        ...

    async def users(self) -> list[User]:
        """Return all users by their mail addresses; disabled ones among them."""
        ...

    async def roles(self) -> dict[str, CustomRole]:
        """Return the roles that the site has made, by name."""
        ...

    async def kept_answer(self, who: str, key: str) -> KeptAnswer | None:
        """Return the answer that is kept under a principal's key; None if there is none."""
        ...

    async def token(self, ident: str) -> Token | None:
        """Return a token by its id; None if there is none."""
        ...

    async def expiring(self, after: datetime, before: datetime) -> list[Token]:
        """Return the tokens that expire in [after, before), the first one first.

        Revoked ones are not among them.
        """
        ...

    async def tokens(self) -> list[Token]:
        """Return all tokens, the newest first; revoked and expired ones among them."""
        ...


class IdentityTransaction(Transaction, Protocol):
    """A transaction that reads what it changes, so that two of one key run one after the other."""

    @property
    def identity_store(self) -> IdentityStore:
        """The identity store, as this transaction sees it with its own writes."""
        ...


class IdentityRecords(Protocol):
    """Runs such transactions. Raises StoreError."""

    async def transact(self, key: str, work: Callable[[IdentityTransaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction and return its result; again as a whole on a conflict."""
        ...


class Verified(NamedTuple):
    """Whether a password is right; `renewed` is its hash by today's parameters, "": it has them."""

    is_right: bool
    renewed: str = ""


class PasswordHasher(Protocol):
    """Hashes passwords, which takes a fifth of a second of CPU: in a process of its own.

    Raises ServiceError where too many wait, or none can be hashed now.
    """

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password."""
        ...

    async def verify(self, encoded: str, password: str) -> Verified:
        """Compare a password with a hash; with "" it takes as long, and is wrong."""
        ...


class OneTimeCodes(Protocol):
    """Computes codes by RFC 6238."""

    def code(self, secret: str, step: int) -> str:
        """Return the six digits of a step."""
        ...

    def address(self, secret: str, email: str) -> str:
        """Return the `otpauth://` address that an application reads from a picture."""
        ...
