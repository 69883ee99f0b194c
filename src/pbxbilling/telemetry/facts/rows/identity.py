"""Lines of facts about users, roles and tokens."""

from __future__ import annotations

from typing import Any

from pbxbilling.identity.facts import TokenCreated, TokenRevoked
from pbxbilling.telemetry.facts.line import INFO
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, plain


def _of(fact: TokenCreated | TokenRevoked) -> dict[str, Any]:
    return {
        "token": fact.token,
        "name": fact.name,
        "tenant": fact.tenant,
        "actor": fact.actor,
    }


ROWS = (
    Row(TokenCreated, line=plain(INFO, "token created", _of), counter=NO_COUNTER),
    Row(TokenRevoked, line=plain(INFO, "token revoked", _of), counter=NO_COUNTER),
)
