"""Opens transactions that a caller may give up at any moment: no connection is left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

ONE_QUERY: Final = {"one_query": True}
"""What an engine is told whose transactions each have one query that reads."""


class Connections:
    """The connections of an engine.

    Neither aiosqlite nor SQLAlchemy closes a connection whose opening is cancelled. Each opening
    therefore runs to its end in a task of its own; where nobody waits for it any more, the task
    gives the connection back to the pool.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._abandoned: set[asyncio.Task[None]] = set()

    @property
    def dialect(self) -> Dialect:
        """The SQL dialect of the database."""
        return self.engine.dialect

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; commit it after the body, or roll it back if the body raises."""
        transaction = self.engine.begin()
        opening = asyncio.ensure_future(transaction.__aenter__())
        try:
            await asyncio.wait({opening})  # unlike `await opening`, it does not cancel the opening
        except asyncio.CancelledError:
            self._abandon(opening, transaction)
            raise
        connection = opening.result()
        try:
            yield connection
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        await transaction.__aexit__(None, None, None)

    async def close(self) -> None:
        """Close every connection. A later use opens new ones."""
        while self._abandoned:
            await asyncio.wait(self._abandoned)
        await self.engine.dispose()

    def _abandon(
        self,
        opening: asyncio.Future[AsyncConnection],
        transaction: AbstractAsyncContextManager[AsyncConnection],
    ) -> None:
        task = asyncio.create_task(_give_back(opening, transaction), name="give back a connection")
        self._abandoned.add(task)
        task.add_done_callback(self._abandoned.discard)


async def _give_back(
    opening: asyncio.Future[AsyncConnection],
    transaction: AbstractAsyncContextManager[AsyncConnection],
) -> None:
    """Roll an abandoned transaction back as soon as it is open."""
    await asyncio.wait({opening})
    if opening.cancelled() or opening.exception() is not None:
        return  # it was not opened
    given_up = asyncio.CancelledError()
    with suppress(asyncio.CancelledError):
        await transaction.__aexit__(type(given_up), given_up, None)
