"""Actions in flight: match each answer to its action, and collect the rows of a list."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import NamedTuple

from pbxbilling.ami.messages.protocol import fields_of
from pbxbilling.kernel.text import decode

IN_FLIGHT_CAP = 1024  # actions; beyond that the PBX is not answering, and more would not help
ROWS_CAP = 200_000  # rows of one list

_ID = b"\r\nActionID: "


class ActionError(Exception):
    """An action without a whole answer: not sent, timed out, cut short, or the link is down."""


class LinkError(ActionError):
    """There is no link, or it went down while the answer was awaited."""


class Answer(NamedTuple):
    """The response to an action; for a list also the numbers of rows received and announced."""

    text: str
    fields: dict[str, str]
    rows: int = 0
    listed: int | None = None

    @property
    def good(self) -> bool:
        """Whether Asterisk accepted the action."""
        return self.fields.get("Response") != "Error"

    @property
    def message(self) -> str:
        """Asterisk's text, for an error."""
        return self.fields.get("Message", "no message")


class _Pending:
    __slots__ = ("future", "response", "row", "rows")

    def __init__(self, future: asyncio.Future[Answer], row: Callable[[str], None] | None) -> None:
        self.future = future
        self.row = row
        self.rows = 0
        self.response: Answer | None = None


class Actions:
    """The actions in flight on one link, by their ActionID. Ids are never reused.

    `token` begins every ActionID: no caller can guess it and so forge an answer.
    """

    def __init__(self) -> None:
        self.token = f"pbxbilling-{secrets.token_hex(6)}-"
        self._pending: dict[str, _Pending] = {}
        self._last = 0

    def open(self, row: Callable[[str], None] | None = None) -> tuple[str, asyncio.Future[Answer]]:
        """Return a new id and the future of its answer; `row` gets a list's rows as they come."""
        if len(self._pending) >= IN_FLIGHT_CAP:
            msg = f"{IN_FLIGHT_CAP} actions await their answers: no further one is sent"
            raise ActionError(msg)
        self._last += 1
        action_id = f"{self.token}{self._last}"
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[action_id] = _Pending(future, row)
        return action_id, future

    def close(self, action_id: str) -> None:
        """Stop waiting for that answer; if it still comes, it is dropped."""
        self._pending.pop(action_id, None)

    def fail(self, error: ActionError) -> None:
        """Fail every action in flight, as the link is down. None is sent again."""
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(error)
        self._pending.clear()

    def take(self, block: bytes) -> bool:
        """Take a response or a list's row; return True if it completed a list."""
        pending = self._of(block)
        if pending is None or pending.future.done():
            return False
        if block.startswith(b"Response: "):
            self._respond(pending, decode(block))
            return False
        return self._row(pending, decode(block))

    def _of(self, block: bytes) -> _Pending | None:
        if not self._pending:
            return None
        start = block.find(_ID)
        if start < 0:
            return None
        start += len(_ID)
        end = block.find(b"\r\n", start)
        return self._pending.get(decode(block[start:] if end < 0 else block[start:end]))

    def _respond(self, pending: _Pending, text: str) -> None:
        answer = Answer(text, fields_of(text))
        if pending.row is not None and answer.fields.get("EventList", "").lower() == "start":
            pending.response = answer
        else:
            pending.future.set_result(answer)

    def _row(self, pending: _Pending, text: str) -> bool:
        if pending.response is None or pending.row is None:
            return False
        if "\r\nEventList: Complete" not in text:
            pending.rows += 1
            if pending.rows > ROWS_CAP:
                pending.future.set_exception(ActionError(f"the list has more than {ROWS_CAP} rows"))
            else:
                pending.row(text)
            return False
        items = fields_of(text).get("ListItems", "")
        listed = int(items) if items.isdecimal() else None
        pending.future.set_result(pending.response._replace(rows=pending.rows, listed=listed))
        return True
