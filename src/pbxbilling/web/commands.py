"""Every command by its name: the same whether a running daemon serves it or the database alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.services.accounts import Change
from pbxbilling.services.administer import Administration
from pbxbilling.services.views import CallView

Arguments = Mapping[str, Any]
Command = Callable[[Administration, Arguments, str], Awaitable[Any]]


async def run(administration: Administration, name: str, given: Arguments, actor: str) -> bytes:
    """Run a command and give its result as JSON; KeyError for a name that is none."""
    result = await COMMANDS[name](administration, given, actor)
    return orjson.dumps(_plain(result))


async def _apply(administration: Administration, given: Arguments, actor: str) -> Any:
    file = read_accounts(given["text"], given["source"])
    changes = await administration.apply(file, actor, dry_run=given["dry_run"])
    return [_change(change) for change in changes]


def _change(change: Change) -> dict[str, Any]:
    return {"subject": change.subject, "kind": change.kind, "fields": change.fields}


async def _calls(administration: Administration, given: Arguments, _actor: str) -> Any:
    return administration.calls(given["tenant"])


async def _status(administration: Administration, _given: Arguments, _actor: str) -> Any:
    status = administration.status()
    return {**_plain(status), "ready": status.ready}


async def _tenants(administration: Administration, _given: Arguments, _actor: str) -> Any:
    return administration.tenants()


async def _trial(administration: Administration, given: Arguments, actor: str) -> Any:
    until = date.fromisoformat(given["until"])
    return await administration.trial(given["tenant"], until, actor)


async def _decisions(administration: Administration, given: Arguments, _actor: str) -> Any:
    since = datetime.fromisoformat(given["since"]) if given["since"] else None
    return await administration.decisions(
        tenant=given["tenant"], since=since, refused=given["refused"], limit=1000
    )


COMMANDS: Mapping[str, Command] = {
    "apply": _apply,
    "calls": _calls,
    "status": _status,
    "tenants": _tenants,
    "tenant": lambda a, given, _actor: a.tenant(given["tenant"]),
    "suspend": lambda a, given, actor: a.suspend(given["tenant"], actor),
    "activate": lambda a, given, actor: a.activate(given["tenant"], actor),
    "trial": _trial,
    "usage": lambda a, given, _actor: a.usage(given["tenant"], given["month"]),
    "assign": lambda a, given, actor: a.usage_assign(given["leg"], given["tenant"], actor),
    "unowned": lambda a, _given, _actor: a.unowned_legs(),
    "decisions": _decisions,
    "release": lambda a, given, actor: a.release(given["call"], actor),
}
NEEDS_DAEMON = frozenset({"calls", "status", "release"})
WRITES = frozenset({"apply", "suspend", "activate", "trial", "assign"})


def _plain(value: Any) -> Any:
    """Dataclasses, decimals and sets as JSON has them; decimals as strings."""
    if isinstance(value, CallView):
        return _call(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict") or isinstance(value, Decimal):
        return str(value)  # a channel's key is its leg id
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value


def _call(view: CallView) -> dict[str, Any]:
    names = {"caller": "from", "number": "to"}
    return {
        names.get(field.name, field.name): _plain(getattr(view, field.name))
        for field in fields(view)
    }
