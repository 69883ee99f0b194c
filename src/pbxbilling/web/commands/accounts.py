"""Accounts: plans and tenants from a file, one tenant's standing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.services.accounts import Change
from pbxbilling.web.commands.command import Arguments, Command, Desk


async def _apply(desk: Desk, given: Arguments, actor: str) -> Any:
    file = read_accounts(given["text"], given["source"])
    changes = await desk.administration.apply(file, actor, dry_run=given["dry_run"])
    return [_change(change) for change in changes]


def _change(change: Change) -> dict[str, Any]:
    return {"subject": change.subject, "kind": change.kind, "fields": change.fields}


async def _tenants(desk: Desk, _given: Arguments, _actor: str) -> Any:
    return desk.administration.tenants()


async def _trial(desk: Desk, given: Arguments, actor: str) -> Any:
    until = date.fromisoformat(given["until"])
    return await desk.administration.trial(given["tenant"], until, actor)


COMMANDS: Mapping[str, Command] = {
    "apply": Command(_apply, writes=True),
    "tenants": Command(_tenants),
    "tenant": Command(lambda desk, given, _actor: desk.administration.tenant(given["tenant"])),
    "suspend": Command(
        lambda desk, given, actor: desk.administration.suspend(given["tenant"], actor), writes=True
    ),
    "activate": Command(
        lambda desk, given, actor: desk.administration.activate(given["tenant"], actor), writes=True
    ),
    "trial": Command(_trial, writes=True),
}
