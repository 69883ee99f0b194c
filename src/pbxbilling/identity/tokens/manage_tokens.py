"""Make, list and revoke tokens; each change is audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Final

from pbxbilling.accounts.records import Act
from pbxbilling.accounts.terms.registry import Registry, require_tenant
from pbxbilling.identity.facts import TokenCreated, TokenRevoked
from pbxbilling.identity.permissions import of_token
from pbxbilling.identity.ports import IdentityRecords, IdentityStore, IdentityTransaction
from pbxbilling.identity.tokens.token import ADMIN, Secret, Token, new_secret
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.ports import Clock, EventSink

KEY: Final = "tokens"  # of the transactions, which exclude one another
_ADD: Final = Act(AuditEvent.TOKEN_CREATED, "token add")
_REVOKE: Final = Act(AuditEvent.TOKEN_REVOKED, "token revoke")
DAYS: Final = 90
DAYS_MOST: Final = 3650


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token with its secret, which nobody can ask for again."""

    token: Token
    secret: Secret


class Tokens:
    """The commands on tokens. Raises StoreError where the database cannot serve."""

    def __init__(
        self,
        store: IdentityStore,
        records: IdentityRecords,
        registry: Registry,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._store = store
        self._records = records
        self._registry = registry
        self._clock = clock
        self._emit = emit

    async def add(
        self,
        name: str,
        scopes: Sequence[str],
        actor: Actor,
        *,
        tenant: str | None = None,
        days: int = DAYS,
        networks: Sequence[str] = (),
    ) -> NewToken:
        """Make a token. Raises AdministrationError for what it cannot have."""
        if tenant is not None:
            require_tenant(self._registry, tenant)
        chosen = _checked(scopes, tenant)
        if not 1 <= days <= DAYS_MOST:
            msg = f"{days} days: expected 1 to {DAYS_MOST}"
            raise AdministrationError(msg)
        now, secret = self._clock.now(), new_secret()
        expires_at = now + timedelta(days=days)
        token = Token(
            secret.id,
            name,
            secret.digest,
            chosen,
            tenant,
            _networks(networks),
            now,
            actor.name,
            expires_at,
        )
        fact = TokenCreated(now, token.id, name, tenant, actor.name)
        audit = _ADD.on(f"token {token.id}", actor, now, None, _shown(token), tenant)

        async def work(transaction: IdentityTransaction) -> None:
            await transaction.write([token, audit], [fact])

        await self._records.transact(KEY, work)
        self._emit(fact)
        return NewToken(token, secret)

    async def all(self) -> list[Token]:
        """Return all tokens, the newest first."""
        return await self._store.tokens()

    async def revoke(self, ident: str, actor: Actor) -> Token:
        """Revoke a token; one that is revoked already stays as it is."""
        now = self._clock.now()

        async def work(transaction: IdentityTransaction) -> tuple[Token, TokenRevoked | None]:
            token = await transaction.identity_store.token(ident)
            if token is None:
                raise NotFoundError(f"no token {ident!r}: `pbxbilling tokens` lists them")
            if token.revoked_at is not None:
                return token, None
            revoked = replace(token, revoked_at=now)
            fact = TokenRevoked(now, token.id, token.name, token.tenant, actor.name)
            before, after = _shown(token), _shown(revoked)
            audit = _REVOKE.on(f"token {token.id}", actor, now, before, after, token.tenant)
            await transaction.write([revoked, audit], [fact])
            return revoked, fact

        token, fact = await self._records.transact(KEY, work)
        if fact is not None:
            self._emit(fact)
        return token


def _checked(scopes: Sequence[str], tenant: str | None) -> tuple[str, ...]:
    """Return the scopes, each once. Raises AdministrationError for one that it cannot have."""
    names = [ADMIN, *sorted(of_token(tenant))]
    whose = f"the token of tenant {tenant}" if tenant else "a token"
    if not scopes:
        raise AdministrationError(f"no scope: expected some of {', '.join(names)}")
    for scope in scopes:
        if scope not in names:
            msg = f"scope {scope!r}: {whose} can have {', '.join(names)}"
            raise AdministrationError(msg)
    return tuple(dict.fromkeys(scopes))


def _networks(given: Sequence[str]) -> tuple[str, ...]:
    """Return the networks in their usual spelling. Raises AdministrationError for what is none."""
    found = []
    for text in given:
        try:
            found.append(str(ip_network(text)))
        except ValueError as error:
            msg = f"network {text!r}: expected an address or a network, such as 192.0.2.0/24"
            raise AdministrationError(msg) from error
    return tuple(dict.fromkeys(found))


def _shown(token: Token) -> dict[str, object]:
    """Return what the audit trail has of a token."""
    return {
        "name": token.name,
        "scopes": list(token.scopes),
        "tenant": token.tenant,
        "networks": list(token.networks),
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at and token.revoked_at.isoformat(),
    }
