"""Gives the database to one daemon at a time: a row says who, until when, and in which epoch.

A session's advisory lock would stay with a process that is stopped, and with a connection that is
half open, for minutes. All instants are the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, and_, bindparam, cast, extract, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.connections import Connections
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.faults import LeaseLostError
from pbxbilling.store.database.postgres import process
from pbxbilling.store.schema import lease

LEASE_S = 10.0
_RENEWALS = 3  # within one lease, so that one may fail
RELEASE_S = 3.0

_DAEMON = "daemon"
_US = 1_000_000
_NOW = cast(extract("epoch", func.clock_timestamp()) * _US, BigInteger)
_UNTIL = _NOW + bindparam("lease_us", type_=BigInteger)
_MINE = and_(lease.c.name == _DAEMON, lease.c.epoch == bindparam("my_epoch"))

_FIRST = insert(lease).values(
    name=_DAEMON, node=bindparam("node"), process=bindparam("process"), epoch=1, until=_UNTIL
)
# A holder that is known to be dead is not waited for.
_CLAIM = _FIRST.on_conflict_do_update(
    index_elements=[lease.c.name],
    set_={
        "node": _FIRST.excluded.node,
        "process": _FIRST.excluded.process,
        "epoch": lease.c.epoch + 1,
        "until": _UNTIL,
    },
    where=or_(lease.c.until < _NOW, lease.c.process == bindparam("dead")),
).returning(lease.c.epoch)
_RENEW = update(lease).where(_MINE).values(until=_UNTIL)
_RELEASE = update(lease).where(_MINE).values(until=0)
# Nobody claims the row between this look and the transaction's end, however long that takes: a
# claim changes the epoch, which is part of a key. A renewal leaves it, and does not wait.
# https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
_FENCE = select(lease.c.epoch).where(_MINE).with_for_update(read=True, key_share=True)
_IS_THERE = select(func.to_regclass(lease.name).is_not(None))
_LOOK = select(lease.c.node, lease.c.process, lease.c.until - _NOW).where(lease.c.name == _DAEMON)


class Holder(NamedTuple):
    """Who has the lease: the machine, and the process on it."""

    node: str
    process: str

    @property
    def words(self) -> str:
        """Who it is, for a person."""
        return f"process {self.process.split()[0]} on {self.node}"


class _NoLeasesError(StoreError):
    """The database has no table of leases yet."""


class Lease:
    """This process's claim to a database; `epoch` is None while it has none."""

    def __init__(self, database: Database, engine: AsyncEngine, lease_s: float = LEASE_S) -> None:
        self._database = database
        self._connections = Connections(engine)
        self._lease_s = lease_s
        self.epoch: int | None = None
        self._wanted = False
        self._is_lost = False
        self._body: asyncio.Task[Any] | None = None

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lease for the time of the body, and renew it meanwhile.

        An empty database has no leases yet: then `claim`, once it has. Raises StoreError where
        another process has it, and LeaseLostError, which cancels the body, where another one has
        claimed it since.
        """
        self._wanted, self._is_lost = True, False
        with suppress(_NoLeasesError):
            await self.claim()
        self._body = asyncio.current_task()
        renewing = asyncio.create_task(self._renew(), name="renew the database's lease")
        renewing.add_done_callback(self._end_if_failed)
        try:
            yield
        except BaseException as error:
            # Whatever the body ends with then, this is why.
            if self._is_lost and self._only_by_us():
                raise self._lost() from error
            if _has_failed(renewing) and self._only_by_us():
                renewing.result()
            raise
        finally:
            self._body = None
            renewing.cancel()
            await asyncio.wait({renewing})
            await self._release()
            await self._connections.close()

    async def claim(self) -> None:
        """Claim the lease, if this process wants it and has none yet. Raises StoreError."""
        if not self._wanted or self.epoch is not None:
            return
        with self._database.errors():
            async with self._connections.begin() as connection:
                if not (await connection.execute(_IS_THERE)).scalar():
                    raise _NoLeasesError
                now = await _holder(connection)
                dead = now.process if now is not None and process.is_dead(now.process) else ""
                mine = {"node": process.node(), "process": process.this_process(), "dead": dead}
                claimed = (await connection.execute(_CLAIM, mine | self._for_so_long)).scalar()
                if claimed is not None:
                    self.epoch = int(claimed)
                    return
                other = await _holder(connection)
        who = other.words if other else "another process"
        raise StoreError(
            f"database {self._database.name} is in use by {who}: if that is the daemon, run the"
            " command where it can reach the daemon's admin socket; else end that process, and"
            f" where its whole machine is gone, wait {self._lease_s:g} s"
        )

    async def holder(self) -> Holder | None:
        """Return who has the lease; None if nobody does. Raises StoreError."""
        with self._database.errors():
            async with self._connections.begin() as connection:
                if not (await connection.execute(_IS_THERE)).scalar():
                    return None
                return await _holder(connection)

    async def check(self, connection: AsyncConnection) -> None:
        """Raise LeaseLostError in a transaction of a daemon that no longer has the lease."""
        if self._is_lost:
            raise self._lost()
        if self.epoch is None:
            return
        found = await connection.execute(_FENCE, {"my_epoch": self.epoch})
        if found.first() is None:
            self._lose()
            raise self._lost()

    @property
    def _for_so_long(self) -> dict[str, int]:
        return {"lease_us": int(self._lease_s * _US)}

    async def _renew(self) -> None:
        """Renew the lease until another process has it; a server that is away is waited for."""
        while not self._is_lost:
            await asyncio.sleep(self._lease_s / _RENEWALS)
            if self.epoch is None:
                continue
            mine = {"my_epoch": self.epoch} | self._for_so_long
            with suppress(StoreError), self._database.errors():
                async with self._connections.begin() as connection:
                    renewed = await connection.execute(_RENEW, mine)
                if not renewed.rowcount:
                    self._lose()

    def _lose(self) -> None:
        """Note that another process has the lease, and end the body: nothing it does counts."""
        if not self._is_lost:
            self._is_lost = True
            self._end_body()

    def _end_if_failed(self, renewing: asyncio.Task[None]) -> None:
        """End the body as well where the lease is not renewed any more, by a fault of ours."""
        if _has_failed(renewing):
            self._end_body()

    def _end_body(self) -> None:
        if self._body is not None and self._body is not asyncio.current_task():
            self._body.cancel()

    def _only_by_us(self) -> bool:
        """Take back that we cancelled the body; return whether nobody else has."""
        return self._body is None or not self._body.uncancel()

    async def _release(self) -> None:
        """Let the next one have it at once; an epoch that is another's by now stays.

        Where the server is silent, the next one waits for the lease's end.
        """
        epoch, self.epoch, self._wanted = self.epoch, None, False
        if epoch is None or self._is_lost:
            return
        with suppress(StoreError), self._database.errors():
            async with asyncio.timeout(RELEASE_S), self._connections.begin() as connection:
                await connection.execute(_RELEASE, {"my_epoch": epoch})

    def _lost(self) -> LeaseLostError:
        return LeaseLostError(
            f"database {self._database.name} has another daemon since: this one was away for more"
            f" than {self._lease_s:g} s, and must not write any more"
        )


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


async def _holder(connection: AsyncConnection) -> Holder | None:
    row = (await connection.execute(_LOOK)).first()
    return None if row is None or row[2] <= 0 else Holder(row[0], row[1])
