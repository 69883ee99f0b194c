"""Gives the database to one daemon at a time: a row says who, until when, and in which epoch.

A session's advisory lock would stay with a process that is stopped, and with a connection that is
half open, for minutes. All instants are the server's.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import BigInteger, and_, bindparam, cast, extract, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.faults import LeaseLostError
from pbxbilling.store.schema import lease

LEASE_S = 10
RENEWED_S = 3.0
RELEASE_S = 3.0

_DAEMON = "daemon"
_US = 1_000_000
_NOW = cast(extract("epoch", func.clock_timestamp()) * _US, BigInteger)
_UNTIL = _NOW + LEASE_S * _US
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
# The row is held until the transaction's end: nobody claims it between this look and the commit.
_FENCE = select(lease.c.epoch).where(_MINE).with_for_update(read=True)
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

    def __init__(self, database: Database, engine: AsyncEngine) -> None:
        self._database = database
        self._engine = engine
        self.epoch: int | None = None
        self._wanted = False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lease for the time of the body, and renew it meanwhile.

        An empty database has no leases yet: then `claim`, once it has. Raises StoreError where
        another process has it, and LeaseLostError, which cancels the body, where another one has
        claimed it since.
        """
        self._wanted = True
        with suppress(_NoLeasesError):
            await self.claim()
        body, lost = asyncio.current_task(), False

        def give_up() -> None:
            nonlocal lost
            lost = True
            if body is not None:
                body.cancel()

        renewing = asyncio.create_task(self._renew(give_up), name="renew the database's lease")
        try:
            yield
        except asyncio.CancelledError:
            if lost and body is not None and not body.uncancel():
                raise self._lost() from None
            raise
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})
            await self._release()

    async def claim(self) -> None:
        """Claim the lease, if this process wants it and has none yet. Raises StoreError."""
        if not self._wanted or self.epoch is not None:
            return
        with self._database.errors():
            async with self._engine.begin() as connection:
                if not (await connection.execute(_IS_THERE)).scalar():
                    raise _NoLeasesError
                now = await _holder(connection)
                dead = now.process if now is not None and _is_dead(now) else ""
                mine = {"node": socket.gethostname(), "process": _this_process(), "dead": dead}
                claimed = (await connection.execute(_CLAIM, mine)).scalar()
                if claimed is not None:
                    self.epoch = int(claimed)
                    return
                other = await _holder(connection)
        who = other.words if other else "another process"
        raise StoreError(
            f"database {self._database.name} is in use by {who}: if that is the daemon, run the"
            " command where it can reach the daemon's admin socket; else end that process, and"
            f" where its whole machine is gone, wait {LEASE_S} s"
        )

    async def holder(self) -> Holder | None:
        """Return who has the lease; None if nobody does. Raises StoreError."""
        with self._database.errors():
            async with self._engine.connect() as connection:
                if not (await connection.execute(_IS_THERE)).scalar():
                    return None
                return await _holder(connection)

    async def check(self, connection: AsyncConnection) -> None:
        """Raise LeaseLostError in a transaction of a daemon that no longer has the lease."""
        if self.epoch is None:
            return
        found = await connection.execute(_FENCE, {"my_epoch": self.epoch})
        if found.first() is None:
            raise self._lost()

    async def _renew(self, give_up: Callable[[], None]) -> None:
        """Renew the lease until another process has it; a server that is away is waited for."""
        while True:
            await asyncio.sleep(RENEWED_S)
            if self.epoch is None:
                continue
            with suppress(StoreError), self._database.errors():
                async with self._engine.begin() as connection:
                    renewed = await connection.execute(_RENEW, {"my_epoch": self.epoch})
                if not renewed.rowcount:
                    give_up()
                    return

    async def _release(self) -> None:
        """Let the next one in at once; where the server is silent, it waits for the lease's end."""
        epoch, self.epoch, self._wanted = self.epoch, None, False
        if epoch is None:
            return
        with suppress(StoreError), self._database.errors():
            async with asyncio.timeout(RELEASE_S), self._engine.begin() as connection:
                await connection.execute(_RELEASE, {"my_epoch": epoch})

    def _lost(self) -> LeaseLostError:
        return LeaseLostError(
            f"database {self._database.name} has another daemon since: this one was away for more"
            f" than {LEASE_S} s, and must not write any more"
        )


async def _holder(connection: AsyncConnection) -> Holder | None:
    row = (await connection.execute(_LOOK)).first()
    return None if row is None or row[2] <= 0 else Holder(row[0], row[1])


def _this_process() -> str:
    """Return the number of this process, and what tells it from all others of its machine."""
    pid = os.getpid()
    return f"{pid} {_started(pid)} {_processes()}"


def _is_dead(holder: Holder) -> bool:
    """Return whether the holder was a process that this one would see, and is no more."""
    pid, started, processes = holder.process.split(" ", 2)
    return processes == _processes() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; "-" if there is none."""
    try:
        # proc_pid_stat(5): the name, in brackets, may have brackets and blanks
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return "-"


def _processes() -> str:
    """Return what all processes share that see one another: a boot, and a table of processes."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
