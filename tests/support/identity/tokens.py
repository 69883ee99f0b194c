"""Tokens and users to test with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.kept_answers import KeptAnswers
from pbxbilling.identity.people.log_in import LogIn
from pbxbilling.identity.people.manage_roles import Roles
from pbxbilling.identity.people.manage_users import Users
from pbxbilling.identity.people.own_account import OwnAccount
from pbxbilling.identity.people.step_up import StepUps
from pbxbilling.identity.people.user import User
from pbxbilling.identity.ports import Verified
from pbxbilling.identity.tokens.manage_tokens import Tokens
from pbxbilling.identity.tokens.token import Token
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
from pbxbilling.web.api.services import IdentityServices
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import NOON

TOKEN = Token(
    id="abcdefghijkl",
    name="reports",
    digest="0" * 64,
    scopes=("calls.read", "usage.read"),
    tenant="acme",
    networks=(),
    created_at=NOON,
    created_by="root",
    expires_at=NOON + timedelta(days=90),
)


ANN = User(
    id="annannannann",
    email="ann@acme.example",
    role="tenant_admin",
    tenant="acme",
    password="quick:a long password",
    password_at=NOON,
    created_at=NOON,
    created_by="root",
)


class QuickHasher:
    """The port `PasswordHasher`, without the work; a hash that begins with "old" is renewed."""

    def __init__(self) -> None:
        self.compared: list[str] = []

    async def hash(self, password: str) -> str:
        return f"quick:{password}"

    async def verify(self, encoded: str, password: str) -> Verified:
        self.compared.append(encoded)
        kind, _, own = encoded.partition(":")
        is_right = bool(encoded) and own == password
        return Verified(is_right, f"quick:{password}" if is_right and kind == "old" else "")


def users_of(
    store: MemoryStore, registry: Registry, clock: Clock, facts: list[Fact] | None = None
) -> Users:
    """Return the commands on users of a store in memory."""
    emit: Any = (facts if facts is not None else []).append
    return Users(store.identity_store, store, registry, QuickHasher(), clock, emit)


def tokens_of(
    store: MemoryStore, registry: Registry, clock: Clock, facts: list[Fact] | None = None
) -> Tokens:
    """Return the commands on tokens of a store in memory."""
    emit: Any = (facts if facts is not None else []).append
    return Tokens(store.identity_store, store, registry, clock, emit)


def identity_of(store: MemoryStore, registry: Registry, clock: Clock) -> IdentityServices:
    """Return the services about who acts, over a store in memory."""
    users, codes = users_of(store, registry, clock), PyOtp()
    log_in = LogIn(store.identity_store, QuickHasher(), codes, clock, lambda _fact: None)
    own = OwnAccount(store.identity_store, users, log_in, StepUps(clock), codes, clock)
    roles = Roles(store.identity_store, store, clock)
    return IdentityServices(
        tokens_of(store, registry, clock),
        users,
        roles,
        KeptAnswers(store.identity_store, clock),
        own,
    )
