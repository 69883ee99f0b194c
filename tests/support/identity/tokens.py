"""Tokens to test with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.identity.manage_tokens import Tokens
from pbxbilling.identity.token import Token
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
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


def tokens_of(
    store: MemoryStore, registry: Registry, clock: Clock, facts: list[Fact] | None = None
) -> Tokens:
    """Return the commands on tokens of a store in memory."""
    emit: Any = (facts if facts is not None else []).append
    return Tokens(store.identity_store, store, registry, clock, emit)
