"""Lines of facts about users, roles and tokens."""

from __future__ import annotations

from typing import Any, Final

from pbxbilling.identity.facts import (
    LoginFailed,
    TokenCheckFailed,
    TokenCreated,
    TokenExpiring,
    TokenRevoked,
    UserChanged,
)
from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.line import DEBUG, ERROR, INFO, WARNING, Line, Mask
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, counted, plain


def _failed(fact: LoginFailed, mask: Mask) -> Line:  # noqa: ARG001
    level = WARNING if fact.loud else DEBUG
    fields = {"user": fact.email, "address": fact.address, "reason": fact.reason}
    return Line(level, "login failed", fields)


def _of(fact: TokenCreated | TokenRevoked) -> dict[str, Any]:
    return {
        "token": fact.token,
        "name": fact.name,
        "tenant": fact.tenant,
        "actor": fact.actor,
    }


_FAILED: Final = CounterSpec(
    "logins_failed",
    "Attempts to log in that failed.",
    ("reason",),
    starts=(("unknown",), ("disabled",), ("password",), ("code",)),
)


ROWS = (
    Row(
        UserChanged,
        line=plain(
            INFO,
            "user changed",
            lambda fact: {
                "user": fact.email,
                "action": fact.action,
                "tenant": fact.tenant,
                "actor": fact.actor,
            },
        ),
        counter=NO_COUNTER,
    ),
    Row(
        LoginFailed,
        line=_failed,
        counter=counted(_FAILED, lambda fact, _: (fact.reason,)),
    ),
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
