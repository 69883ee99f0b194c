"""A database of a PostgreSQL server."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.postgres.connections import (
    WRITE_S,
    reader_engine,
    single_engine,
    writer_engine,
)
from pbxbilling.store.database.postgres.faults import store_error
from pbxbilling.store.database.postgres.lease import LEASE_S, Lease
from pbxbilling.store.database.revisions import check_known, revision_of, shipped, upgrade

OLDEST = 15  # the oldest release that is tested
# Of this program's locks: "pbxb". The key of a transaction is hashed beside it.
_LOCKS = 0x70627862
_LOCK = text("SELECT pg_advisory_xact_lock(:locks, hashtext(:key))")
_MIGRATION = "migration"
_OLDER = "restore a copy of before (docs/guides/postgresql.md, Back it up)"


class PostgresDatabase(Database):
    """A database that other machines may use, too: one daemon at a time, by a lease."""

    def __init__(self, url: PostgresUrl, lease_s: float = LEASE_S) -> None:
        """A daemon that is away for longer than `lease_s` may be replaced by another one."""
        self._url = url
        self.name = url.name
        self.url = url.text
        self._lease = Lease(self, single_engine(url, "lease", WRITE_S), lease_s)

    def writer(self) -> AsyncEngine:
        """Return an engine of one connection that writes."""
        return writer_engine(self._url)

    def reader(self) -> AsyncEngine:
        """Return an engine of connections that read one snapshot a transaction."""
        return reader_engine(self._url)

    def onlooker(self) -> AsyncEngine:
        """Return an engine that opens a connection for each reading."""
        return reader_engine(self._url, keep=False)

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
                await connection.execute(_LOCK, {"locks": _LOCKS, "key": _MIGRATION})
                if await self._revision(connection) != shipped()[-1]:
                    await connection.run_sync(upgrade)
            await self._lease.claim()

    async def revisions(self) -> tuple[str | None, str]:
        """Return the schema's revision and this program's. Raises StoreError."""
        engine = single_engine(self._url, "doctor", WRITE_S)
        with self.errors():
            async with engine.connect() as connection:
                await self._check_server(connection)
                return await connection.run_sync(revision_of, self.name), shipped()[-1]

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Hold the lease."""
        return self._lease.held()

    async def holder(self) -> str | None:
        """Return who holds the lease."""
        found = await self._lease.holder()
        return found.words if found else None

    async def backup(self, to: Path) -> None:
        """Refuse: PostgreSQL's own programs do this, with or without the daemon."""
        raise StoreError(
            f"database {self.name} is PostgreSQL's: `pg_dump --format=custom --file={to}"
            f" {self._url.database}` copies it (docs/guides/postgresql.md, Back it up)"
        )

    def fault(self, error: Exception) -> StoreError | None:
        """Translate PostgreSQL's errors."""
        return store_error(self.name, error)

    async def began(self, connection: AsyncConnection, key: str | None) -> None:
        """Check that this daemon still has the lease, and wait for others with the same key."""
        await self._lease.check(connection)
        if key is not None:
            await connection.execute(_LOCK, {"locks": _LOCKS, "key": key})

    async def _revision(self, connection: AsyncConnection) -> str | None:
        current = await connection.run_sync(revision_of, self.name)
        if current is not None:
            check_known(current, shipped(), self.name, _OLDER)
        return current

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
