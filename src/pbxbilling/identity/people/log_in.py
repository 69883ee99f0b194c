"""Log a user in: the same words, after the same work, for whoever does not get in."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from pbxbilling.identity.facts import LoginFailed
from pbxbilling.identity.people.passwords import normalised
from pbxbilling.identity.people.second_factor import after_use
from pbxbilling.identity.people.throttle import Throttle
from pbxbilling.identity.people.user import User
from pbxbilling.identity.ports import IdentityStore, OneTimeCodes, PasswordHasher
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.kernel.ports import Clock, EventSink

WRONG: Final = "mail address, password or code is wrong"


class WrongLoginError(ServiceError):
    """Somebody does not get in; the message does not say why."""

    status = 401
    code = "wrong_login"


class TooManyError(ServiceError):
    """Too many attempts have failed from there; `retry_s` says when the next one may be made."""

    status = 429
    code = "too_many"

    def __init__(self, retry_s: float) -> None:
        self.retry_s = retry_s
        super().__init__(f"too many attempts: try again in {max(1, round(retry_s))} seconds")


class Attempt(NamedTuple):
    """What somebody who logs in sends; `code` is of the second factor, "" without one."""

    email: str
    password: str
    code: str
    address: str


class Shown(NamedTuple):
    """What a user who is logged in shows once more: a code, or the password."""

    password: str
    code: str
    address: str


class LoggedIn(NamedTuple):
    """Who got in; `changed` is the user as they must be saved: a code used, a hash renewed."""

    user: User
    changed: User | None


class LogIn:
    """Checks attempts. Raises StoreError, and ServiceError where no password can be compared."""

    def __init__(
        self,
        store: IdentityStore,
        hasher: PasswordHasher,
        codes: OneTimeCodes,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._codes = codes
        self._clock = clock
        self._emit = emit
        self._throttle = Throttle()

    async def check(self, attempt: Attempt) -> LoggedIn:
        """Return who gets in. Raises WrongLoginError and TooManyError."""
        email, address = attempt.email.strip().lower(), attempt.address
        self._check_patience(email, address)
        user = await self._store.user_of(email)
        encoded = user.password if user else ""
        verified = await self._hasher.verify(encoded, normalised(attempt.password))
        if user is None or not verified.is_right or user.disabled_at is not None:
            raise self._refused(email, address, _reason(user, is_right=verified.is_right))
        changed = user
        if user.totp:
            used = after_use(user, attempt.code, self._clock.now(), self._codes)
            if used is None:
                raise self._refused(email, address, "code")
            changed = used
        if verified.renewed:
            changed = replace(changed, password=verified.renewed)
        self._throttle.succeeded(email, address)
        return LoggedIn(user, None if changed is user else changed)

    async def confirm(self, user: User, shown: Shown) -> None:
        """Return if that is theirs. Raises WrongLoginError and TooManyError; saves nothing."""
        self._check_patience(user.email, shown.address)
        if shown.code:
            used = after_use(user, shown.code, self._clock.now(), self._codes)
            if used is None:
                raise self._refused(user.email, shown.address, "code")
        else:
            password = normalised(shown.password)
            verified = await self._hasher.verify(user.password, password)
            if not verified.is_right:
                raise self._refused(user.email, shown.address, "password")
        self._throttle.succeeded(user.email, shown.address)

    def _check_patience(self, email: str, address: str) -> None:
        wait_s = self._throttle.wait_s(email, address, self._clock.monotonic())
        if wait_s > 0:
            raise TooManyError(wait_s)

    def _refused(self, email: str, address: str, reason: str) -> WrongLoginError:
        now_s = self._clock.monotonic()
        self._throttle.failed(email, address, now_s)
        loud = self._throttle.wait_s(email, address, now_s) == 0
        self._emit(LoginFailed(self._clock.now(), email, address, reason, loud))
        return WrongLoginError(WRONG)


def _reason(user: User | None, *, is_right: bool) -> str:
    """Return why somebody does not get in, for the log alone."""
    if user is None:
        return "unknown"
    return "disabled" if is_right else "password"
