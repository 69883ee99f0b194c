"""Keeps sessions in a file of this process's own: whoever loses it logs in once more.

A session is known by the digest of its cookie alone, so that the file lets nobody in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import create_async_engine

from pbxbilling.identity.tokens.token import digest_of, new_text
from pbxbilling.kernel.ports import Clock
from pbxbilling.store.rows.values import instant, to_us

IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=7)
SEEN_EVERY: Final = timedelta(minutes=1)
OF_ONE_MOST: Final = 50
_VERSION: Final = "1"  # of the tables: a file with another one is begun anew

_METADATA = MetaData()
_SESSION = Table(
    f"session_{_VERSION}",
    _METADATA,
    Column("digest", String, primary_key=True),
    Column("user", String, nullable=False, index=True),
    Column("password_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("address", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("step_up", String, nullable=False),
    Column("step_up_until", BigInteger, nullable=False),
)
_USED_STEP = Table(
    f"used_step_{_VERSION}",
    _METADATA,
    Column("user", String, primary_key=True),
    Column("step", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is in force; `step_up` is the daemon's grant, "" where there is none."""

    digest: str
    user: str
    password_at: datetime
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str
    step_up: str


class Sessions:
    """The sessions. Its methods raise SQLAlchemy's errors where the disk fails."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        self._clock = clock

    async def open(self) -> None:
        """Make the tables, and forget what is over."""
        async with self._engine.begin() as connection:
            await connection.run_sync(_METADATA.create_all)
        await self.forget_old()

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def begin(self, user: str, password_at: datetime, address: str, agent: str) -> str:
        """Begin a session; return its cookie, which nobody can ask for again."""
        cookie = new_text(secrets.token_bytes)
        now = to_us(self._clock.now())
        async with self._engine.begin() as connection:
            await connection.execute(
                insert(_SESSION).values(
                    digest=digest_of(cookie),
                    user=user,
                    password_at=to_us(password_at),
                    created_at=now,
                    seen_at=now,
                    address=address,
                    agent=agent[:200],
                    step_up="",
                    step_up_until=0,
                )
            )
            oldest = select(_SESSION.c.digest).where(_SESSION.c.user == user)
            oldest = oldest.order_by(_SESSION.c.seen_at.desc()).offset(OF_ONE_MOST)
            await connection.execute(delete(_SESSION).where(_SESSION.c.digest.in_(oldest)))
        return cookie

    async def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, and note that it was seen; None if it is over."""
        digest, now = digest_of(cookie), self._clock.now()
        async with self._engine.connect() as connection:
            query = select(_SESSION).where(_SESSION.c.digest == digest)
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        session = _session(row, now)
        if now - session.seen_at >= IDLE or now - session.created_at >= LONGEST:
            await self.end(digest)
            return None
        if now - session.seen_at >= SEEN_EVERY:
            await self._change(digest, seen_at=to_us(now))
        return session

    async def of(self, user: str) -> list[Session]:
        """Return a user's sessions, the one seen last first."""
        now = self._clock.now()
        async with self._engine.connect() as connection:
            query = select(_SESSION).where(_SESSION.c.user == user)
            rows = (await connection.execute(query.order_by(_SESSION.c.seen_at.desc()))).all()
        return [_session(row, now) for row in rows]

    async def step_up(self, digest: str, grant: str, valid: timedelta) -> None:
        """Save the daemon's grant of a session's user."""
        until = to_us(self._clock.now() + valid)
        await self._change(digest, step_up=grant, step_up_until=until)

    async def end(self, digest: str) -> None:
        """End a session."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(_SESSION).where(_SESSION.c.digest == digest))

    async def forget_old(self) -> None:
        """Delete the sessions that are over."""
        now = self._clock.now()
        over = (_SESSION.c.seen_at < to_us(now - IDLE)) | (
            _SESSION.c.created_at < to_us(now - LONGEST)
        )
        async with self._engine.begin() as connection:
            await connection.execute(delete(_SESSION).where(over))

    async def use_step(self, user: str, step: int) -> bool:
        """Note that a code of that step was used; return whether it is later than all before."""
        new = upsert(_USED_STEP).values(user=user, step=step)
        noted = new.on_conflict_do_update(
            index_elements=["user"], set_={"step": step}, where=_USED_STEP.c.step < step
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(noted)).rowcount > 0

    async def _change(self, digest: str, **values: object) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(
                update(_SESSION).where(_SESSION.c.digest == digest).values(**values)
            )


def _session(row: Row[Any], now: datetime) -> Session:
    is_granted = instant(row.step_up_until) > now
    return Session(
        row.digest,
        row.user,
        instant(row.password_at),
        instant(row.created_at),
        instant(row.seen_at),
        row.address,
        row.agent,
        row.step_up if is_granted else "",
    )
