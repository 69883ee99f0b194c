"""What users do to their own account: show who they are, change the password, a second factor."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Final, NamedTuple

from pbxbilling.accounts.records import Act
from pbxbilling.identity.people.log_in import WRONG, LogIn, Shown, WrongLoginError
from pbxbilling.identity.people.manage_users import Users
from pbxbilling.identity.people.second_factor import (
    after_use,
    new_recovery,
    new_totp,
    recovery_digest,
)
from pbxbilling.identity.people.step_up import StepUps
from pbxbilling.identity.people.user import User
from pbxbilling.identity.ports import IdentityStore, OneTimeCodes
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import Actor, ActorType, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.ports import Clock

_SECOND_FACTOR: Final = Act(AuditEvent.USER_SECOND_FACTOR, "user second factor")
_SECOND_FACTOR_OFF: Final = Act(AuditEvent.USER_SECOND_FACTOR, "user second factor off")
_SECRET: Final = re.compile(r"[A-Z2-7]{32}")


class OfferedFactor(NamedTuple):
    """A secret for an application, and the address that it reads from a picture."""

    secret: str
    address: str


class OwnAccount:
    """The commands of users on themselves. Raises StoreError, and ServiceError for nobody's.

    Whoever is let in to them has been asked for a step-up, but for `step_up` itself.
    """

    def __init__(
        self,
        store: IdentityStore,
        users: Users,
        log_in: LogIn,
        step_ups: StepUps,
        codes: OneTimeCodes,
        clock: Clock,
    ) -> None:
        self._store = store
        self._users = users
        self._log_in = log_in
        self._step_ups = step_ups
        self._codes = codes
        self._clock = clock

    async def step_up(self, actor: Actor, shown: Shown) -> str:
        """Return a grant for whoever shows their password or a code. Raises WrongLoginError."""
        user = await self._self(actor)
        await self._log_in.confirm(user, shown)
        if shown.code:
            await self._use(user, shown.code, actor)
        return self._step_ups.grant(user.id)

    def is_granted(self, principal: Principal, grant: str) -> bool:
        """Return whether this is a grant of theirs."""
        return self._step_ups.is_granted(principal.ident, grant)

    async def use_recovery(self, actor: Actor, shown: Shown) -> None:
        """Use a recovery code up, at a login. Raises WrongLoginError."""
        user = await self._self(actor)
        await self._log_in.confirm(user, shown)
        await self._use(user, shown.code, actor)

    async def set_password(self, actor: Actor, password: str) -> None:
        """Set one's own password; all grants are over."""
        user = await self._self(actor)
        await self._users.set_password(user.email, password, actor)
        self._step_ups.withdraw(user.id)

    async def offer(self, actor: Actor) -> OfferedFactor:
        """Return a secret for a second factor, which is not in force before it is `confirmed`."""
        user = await self._self(actor)
        secret = new_totp(secrets.token_bytes)
        return OfferedFactor(secret, self._codes.address(secret, user.email))

    async def confirm(self, actor: Actor, secret: str, code: str) -> tuple[str, ...]:
        """Put a second factor in force; return the recovery codes, which nobody can ask for again.

        Raises AdministrationError for a code that is not of that secret.
        """
        user = await self._self(actor)
        _check_secret(secret)
        offered = replace(user, totp=secret, totp_step=0, recovery=())
        used = after_use(offered, code, self._clock.now(), self._codes)
        if used is None:
            msg = "the code is not of that secret at this moment: check the clock of the phone"
            raise AdministrationError(msg)
        codes = new_recovery(secrets.token_bytes)
        digests = tuple(map(recovery_digest, codes))
        await self._users.change(
            user.email,
            _SECOND_FACTOR,
            lambda now: replace(now, totp=secret, totp_step=used.totp_step, recovery=digests),
            actor,
        )
        return codes

    async def remove(self, actor: Actor) -> None:
        """Take the second factor off."""
        user = await self._self(actor)
        await self._users.change(
            user.email,
            _SECOND_FACTOR_OFF,
            lambda now: replace(now, totp="", totp_step=0, recovery=()),
            actor,
        )

    async def _self(self, actor: Actor) -> User:
        user = None
        if actor.type is ActorType.USER:
            user = await self._store.user(actor.ident)
        if user is None or user.disabled_at is not None:
            raise NotFoundError("this is about users, and you are none")
        return user

    async def _use(self, user: User, code: str, actor: Actor) -> None:
        """Save that a code was used, unless somebody was quicker. Raises WrongLoginError."""
        now = self._clock.now()

        def used(current: User) -> User:
            found = after_use(current, code, now, self._codes)
            if found is None:
                raise WrongLoginError(WRONG)
            return found

        await self._users.change(user.email, None, used, actor)


def _check_secret(secret: str) -> None:
    """Raise AdministrationError for a text that is no secret of ours."""
    if not _SECRET.fullmatch(secret):
        raise AdministrationError("secret: send the one that was offered")
