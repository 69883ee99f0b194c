"""Reading: each answer from one state of the database, and never waiting for a write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select

from pbxbilling.store.engine import reader_engine
from pbxbilling.store.faults import told_as_store_errors


class Reads:
    """Queries over the reading connections; raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = reader_engine(path)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """The rows of one query."""
        (result,) = await self.all(query)
        return result

    async def all(self, *queries: Select[Any]) -> list[Sequence[Row[Any]]]:
        """The rows of several queries, all of the same moment."""
        with told_as_store_errors(self._path):
            async with self._engine.begin() as snapshot:
                return [(await snapshot.execute(query)).all() for query in queries]
