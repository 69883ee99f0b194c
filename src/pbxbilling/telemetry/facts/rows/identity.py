"""Lines of facts about users, roles and tokens."""

from __future__ import annotations

from typing import Any

from pbxbilling.identity.facts import (
    TokenCheckFailed,
    TokenCreated,
    TokenExpiring,
    TokenRevoked,
)
from pbxbilling.telemetry.facts.line import ERROR, INFO, WARNING
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
    Row(
        TokenExpiring,
        line=plain(
            WARNING,
            "token expires: make a new one, and give it to the program",
            lambda fact: {
                "token": fact.token,
                "name": fact.name,
                "tenant": fact.tenant,
                "expires_at": fact.expires_at.isoformat(),
            },
        ),
        counter=NO_COUNTER,
    ),
    Row(
        TokenCheckFailed,
        line=plain(
            ERROR, "tokens not looked at: again in a minute", lambda fact: {"error": fact.error}
        ),
        counter=NO_COUNTER,
    ),
    Row(TokenRevoked, line=plain(INFO, "token revoked", _of), counter=NO_COUNTER),
)
