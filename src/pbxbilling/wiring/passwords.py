"""Hashes passwords in the worker's process, a few at a time; or in this one, for a command."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from pbxbilling import __version__
from pbxbilling.credentials.algorithms import hash_password, verify_password
from pbxbilling.identity.ports import Verified
from pbxbilling.kernel.errors import BusyError
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.jobs import HASH, PASSWORDS, VERIFY
from pbxbilling.worker.process import Worker

LIMIT_S: Final = 30.0
WAITING_MOST: Final = 8  # each takes half a second: whoever comes later would wait too long


class PasswordsByWorker:
    """The port `PasswordHasher`, by a process for each password."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password."""
        return str(await self._done(HASH, password))

    async def verify(self, encoded: str, password: str) -> Verified:
        """Compare a password with a hash."""
        return Verified(*await self._done(VERIFY, (encoded, password)))

    async def _done(self, what: str, value: Any) -> Any:
        if self._waiting >= WAITING_MOST:
            raise BusyError("too many people log in at this moment: try again in a few seconds")
        self._waiting += 1
        try:
            with Frames.in_memory() as given, Frames.in_memory() as made:
                given.put("version", __version__)
                given.put(what, value)
                await self._worker.run(PASSWORDS, given, made, LIMIT_S)
                (result,) = made.take(what)
                return result
        finally:
            self._waiting -= 1


class PasswordsHere:
    """The port `PasswordHasher`, in a thread: for a command's process, which judges no calls."""

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password."""
        return await asyncio.to_thread(hash_password, password)

    async def verify(self, encoded: str, password: str) -> Verified:
        """Compare a password with a hash."""
        return await asyncio.to_thread(verify_password, encoded, password)
