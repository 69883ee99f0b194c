"""A database of a PostgreSQL server."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store.database.database import Database, Filling
from pbxbilling.store.database.postgres.commit_numbers import CommitNumbers
from pbxbilling.store.database.postgres.connections import (
    WRITE_S,
    onlooker_engine,
    reader_engine,
    single_engine,
    writer_engine,
)
from pbxbilling.store.database.postgres.faults import store_error
from pbxbilling.store.database.postgres.filling import PostgresFilling
from pbxbilling.store.database.postgres.lease import LEASE_S, Lease
from pbxbilling.store.database.revisions import check_known, revision_of, shipped, upgrade
from pbxbilling.store.database.unfinished import begin_copy

OLDEST = 15  # the oldest release that is tested
# Of this program's locks: "pbxb". The key of a transaction is hashed beside it.
_LOCKS = 0x70627862
_LOCK = text("SELECT pg_advisory_xact_lock(:locks, hashtext(:key))")
_MIGRATION = "migration"
_REVISION = text("SELECT version_num FROM alembic_version")
_NO_WRITE = text("UPDATE alembic_version SET version_num = version_num WHERE false")
_MAY_CREATE = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
_CHECKED = "schema is checked"  # of a connection
_OLDER = "restore a copy of before (docs/guides/postgresql.md, Back it up)"


class PostgresDatabase(Database):
    """A database that other machines may use, too: one daemon at a time, by a lease."""

    def __init__(self, url: PostgresUrl, lease_s: float = LEASE_S) -> None:
        """A daemon that is away for longer than `lease_s` may be replaced by another one."""
        self._url = url
        self.name = url.name
        self.url = url.text
        self._lease = Lease(self, single_engine(url, "lease", WRITE_S), lease_s)
        self._numbers = CommitNumbers()

    def writer(self) -> AsyncEngine:
        """Return an engine of one connection that writes."""
        return writer_engine(self._url)

    def reader(self) -> AsyncEngine:
        """Return an engine of connections that read one snapshot a transaction."""
        return reader_engine(self._url)

    def visitor(self) -> AsyncEngine:
        """Return the same: what it may is the role's, not the program's."""
        return reader_engine(self._url)

    def onlooker(self, *, patient: bool = False) -> AsyncEngine:
        """Return an engine that opens a connection for each reading."""
        return onlooker_engine(self._url, patient=patient)

    async def prepare(self, *, create: bool) -> None:
        """Bring the schema up to date; an empty database gets its tables if `create` says so."""
        engine = single_engine(self._url, "migration", None)
        with self.errors():
            async with engine.begin() as connection:
                await self._check_server(connection)
                current = await self._revision(connection)
                if current is None and not create:
                    msg = (
                        f"database {self.name} is empty: the daemon creates its tables at its first"
                        " start, and so does `pbxbilling apply FILE`"
                    )
                    raise StoreError(msg)
                if current == shipped()[-1]:
                    return
                # Two that start at once: the second finds the work done.
                await self._lock(connection, _MIGRATION)
                if await self._revision(connection) != shipped()[-1]:
                    await connection.run_sync(upgrade)
            await self._lease.claim()

    async def revisions(self) -> tuple[str | None, str]:
        """Return the schema's revision and this program's. Raises StoreError."""
        engine = single_engine(self._url, "doctor", WRITE_S)
        with self.errors():
            async with engine.connect() as connection:
                await self._check_server(connection)
                current = await connection.run_sync(revision_of, self.name)
                await self._check_rights(connection, current)
                return current, shipped()[-1]

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Hold the lease."""
        return self._lease.held()

    async def holder(self) -> str | None:
        """Return who holds the lease."""
        found = await self._lease.holder()
        return found.words if found else None

    async def backup(self, to: Path) -> None:
        """Refuse: PostgreSQL's own programs do this, with or without the daemon."""
        command = ["pg_dump", "--format=custom", f"--file={to}", self._url.conninfo]
        raise StoreError(
            f"database {self.name} is PostgreSQL's, whose own program copies it while it is in use:"
            f" `{shlex.join(command)}` (docs/guides/postgresql.md, Back it up)"
        )

    def fault(self, error: Exception) -> StoreError | None:
        """Translate PostgreSQL's errors."""
        return store_error(self.name, error)

    async def began(self, connection: AsyncConnection, key: str | None) -> None:
        """Check that this daemon still has the lease, and wait for others with the same key.

        A new connection may lead to another schema than the one that the daemon began with.
        """
        if _CHECKED not in connection.info:
            self._check_schema((await connection.execute(_REVISION)).scalar())
            connection.info[_CHECKED] = True
        await self._lease.check(connection)
        if key is not None:
            await self._lock(connection, key)

    @asynccontextmanager
    async def filled(self) -> AsyncIterator[Filling]:
        """Fill the database by COPY."""
        engine = writer_engine(self._url, patient=True)
        filling = PostgresFilling(self, engine, self._lease)
        try:
            with self.errors():
                async with engine.begin() as connection:
                    await self._check_server(connection)
                    await self._lock(connection, _MIGRATION)
                    left = await connection.run_sync(begin_copy, self.name)
            await self._lease.claim()
            if left:
                await filling.empty()
            yield filling
            await filling.finish()
        finally:
            await engine.dispose()

    async def _lock(self, connection: AsyncConnection, key: str) -> None:
        await connection.execute(_LOCK, {"locks": _LOCKS, "key": key})

    async def is_committed(self, connection: AsyncConnection, number: int) -> bool:
        """Leave the number in this transaction, unless a committed one has."""
        return not await self._numbers.leave(connection, number)

    def answered(self, number: int) -> None:
        """Forget the number with the next transaction."""
        self._numbers.answered(number)

    def _check_schema(self, current: str | None) -> None:
        known = shipped()
        if current is not None:
            check_known(current, known, self.name, _OLDER)
        if current != known[-1]:
            msg = (
                f"database {self.name} has schema {current or 'none'}, and this program needs"
                f" {known[-1]}: restart the daemon, which upgrades it"
            )
            raise StoreError(msg)

    async def _revision(self, connection: AsyncConnection) -> str | None:
        current = await connection.run_sync(revision_of, self.name)
        if current is not None:
            check_known(current, shipped(), self.name, _OLDER)
        return current

    async def _check_rights(self, connection: AsyncConnection, current: str | None) -> None:
        """Raise StoreError where this role may not write, or may not create tables."""
        if current is not None:
            await connection.execute(_NO_WRITE)
        if not (await connection.execute(_MAY_CREATE)).scalar():
            msg = (
                f"database {self.name} lets this role create no tables: grant it"
                " (config/postgresql/roles.sql)"
            )
            raise StoreError(msg)

    async def _check_server(self, connection: AsyncConnection) -> None:
        version, encoding = (
            await connection.execute(
                text("SELECT current_setting('server_version_num'), getdatabaseencoding()")
            )
        ).one()
        if int(version) // 10_000 < OLDEST:
            msg = (
                f"database {self.name} is of PostgreSQL {int(version) // 10_000}: this program"
                f" needs {OLDEST} or newer"
            )
            raise StoreError(msg)
        if encoding != "UTF8":
            msg = (
                f"database {self.name} has the encoding {encoding}: create it anew with"
                " `createdb --encoding=UTF8 --template=template0`"
            )
            raise StoreError(msg)
