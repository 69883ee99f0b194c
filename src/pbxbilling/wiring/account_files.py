"""Makes accounts match a file while calls are judged: the worker compares, the daemon commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.background import Rest
from pbxbilling.web.api.services import AccountFiles, Answer, FileKind
from pbxbilling.worker.accounts import ANSWER, BODY, JOB, Comparison, PreparedChanges
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.process import LIMIT_S, WorkerError, WorkerOn

# Bytes of a body, and plans and tenants in force, up to which all of it takes some milliseconds,
# which is less than to start a process.
SMALL_FILE = 4096
SMALL_SITE = 200
# How long a second comparison may take, for which all other changes wait: so many times as long as
# the first one, and seconds more.
AGAIN, AGAIN_S = 3.0, 10.0


class FilesByWorker:
    """Applies files of any size; small ones of a small site `in_process`.

    Other changes of accounts go on while the worker compares. If there was one, it compares anew,
    and then they wait.
    """

    def __init__(
        self,
        by: WorkerOn,
        in_process: AccountFiles,
        writer: AccountWriter,
        in_force: InForce,
        clock: Clock,
        rest: Rest,
    ) -> None:
        self._by = by
        self._in_process = in_process
        self._writer = writer
        self._in_force = in_force
        self._clock = clock
        self._rest = rest

    async def apply(self, kind: FileKind, body: AsyncIterable[bytes], actor: Actor) -> Answer:
        """Apply the file; see `AccountFiles`. Raises WorkerError, StoreError."""
        try:
            with Frames.new(self._by.folder) as given:
                if await self._is_small(body, given):
                    given.seal()
                    return await self._in_process.apply(kind, self._pieces(given, BODY), actor)
                made = await self._done(kind, given, actor)
        except OSError as error:
            msg = f"{self._by.folder} cannot hold the file: {error.strerror}; make room there"
            raise WorkerError(msg) from error
        return self._answer(made)

    async def _is_small(self, body: AsyncIterable[bytes], given: Frames) -> bool:
        """Put the body where the worker finds it; return whether it is done sooner here."""
        size, registry = 0, self._in_force.registry
        async for piece in body:
            given.put(BODY, piece)
            size += len(piece)
        return size <= SMALL_FILE and len(registry.plans) + len(registry.tenants) <= SMALL_SITE

    @again_if_stale
    async def _done(self, kind: FileKind, given: Frames, actor: Actor) -> Frames:
        """Compare the file, and write what it changes; return what the worker made."""
        began, writes = self._clock.monotonic(), self._writer.writes
        made, changes = await self._compare(kind, given, actor, LIMIT_S)
        try:
            if not changes:
                return made
            async with self._writer.alone:
                if not self._writer.is_unchanged(writes):
                    made.close()
                    limit_s = min(LIMIT_S, AGAIN * (self._clock.monotonic() - began) + AGAIN_S)
                    made, changes = await self._compare(kind, given, actor, limit_s)
                if changes:
                    await self._writer.write_many(changes)
        except BaseException:
            made.close()
            raise
        return made

    async def _compare(
        self, kind: FileKind, given: Frames, actor: Actor, limit_s: float
    ) -> tuple[Frames, PreparedChanges]:
        policy, made = self._in_force.policy, Frames.new(self._by.folder)
        asked = Comparison(self._by.database, kind, actor, self._clock.now(), policy)
        asked.put_into(given)
        try:
            await self._by.worker.run(JOB, given, made, limit_s)
        except BaseException:
            made.close()
            raise
        return made, PreparedChanges(made, asked)

    @asynccontextmanager
    async def _answer(self, made: Frames) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            yield self._pieces(made, ANSWER)
        finally:
            await asyncio.to_thread(made.close)  # the system takes 0.1 s for 500 MB

    async def _pieces(self, frames: Frames, tag: str) -> AsyncIterator[bytes]:
        for piece in frames.take(tag):
            yield piece
            await self._rest()
