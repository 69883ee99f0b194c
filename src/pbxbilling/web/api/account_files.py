"""A file of plans and tenants, from the body of its request to the answer about its changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from pydantic import ValidationError

from pbxbilling.accounts.administer import Administration
from pbxbilling.accounts.apply import AccountsFile, Change, ChangeKind
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.config.tenants_csv import read_tenants
from pbxbilling.kernel.audit import Actor
from pbxbilling.runtime.background import A_PART
from pbxbilling.web.api.problems import InvalidRequest
from pbxbilling.web.api.schema import Schema
from pbxbilling.web.api.services import Answer, FileKind
from pbxbilling.web.api.shape import encoded, plain


class AccountsText(Schema):
    """A file of plans and tenants; `source` names it in messages.

    Without `reset` nothing is written where a plan or tenant would lose what bounds its calls.
    """

    text: str
    source: str
    dry_run: bool = False
    reset: bool = False


READERS: Mapping[FileKind, Callable[[str, str], AccountsFile]] = {
    FileKind.TOML: read_accounts,
    FileKind.CSV: read_tenants,
}


class InProcess:
    """Reads and compares a file in this process: for small ones, or where no call is judged."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def apply(self, kind: FileKind, body: AsyncIterable[bytes], actor: Actor) -> Answer:
        """Apply the file; see `AccountFiles`."""
        given = given_in(b"".join([piece async for piece in body]))
        file = await asyncio.to_thread(READERS[kind], given.text, given.source)
        changes = await self._administration.apply(
            file, actor, dry_run=given.dry_run, reset=given.reset, action=kind.action
        )
        return nullcontext(_pieces(await asyncio.to_thread(list, answer(kind, changes))))


async def _pieces(made: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in made:
        yield piece


def given_in(body: bytes) -> AccountsText:
    """Read the body of a request. Raises InvalidRequest."""
    try:
        return AccountsText.model_validate_json(body)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise InvalidRequest(faults) from None


def answer(kind: FileKind, changes: Iterable[Change]) -> Iterator[bytes]:
    """Yield the changes as a JSON list, in pieces of some kilobytes."""
    before, rows = b"[", []
    for change in changes:
        rows.append(encoded(_shown(kind, change)))
        if len(rows) == A_PART:
            yield before + b",".join(rows)
            before, rows = b",", []
    yield (before + b",".join(rows) if rows or before == b"[" else b"") + b"]"


def _shown(kind: FileKind, change: Change) -> dict[str, Any]:
    """Return a change; an import leaves out the keys of new tenants, which can be thousands."""
    is_brief = kind is FileKind.CSV and change.kind is not ChangeKind.CHANGED
    shown: dict[str, Any] = plain(
        {
            "subject": change.subject,
            "kind": change.kind,
            "fields": () if is_brief else change.fields,
            "notes": change.notes,
        }
    )
    return shown
