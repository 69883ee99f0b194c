"""What the store needs of a database, whichever it is: connections, errors, schema and owner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.faults import RecordError

T = TypeVar("T")

StoredRow = tuple[Any, ...]
"""The columns of a row in the order of the schema; a JSON column is text in it."""


class Filling(Protocol):
    """A new database that gets its rows."""

    async def add(self, table: Table, rows: Sequence[StoredRow]) -> None:
        """Add rows, durably. Raises StoreError."""
        ...


class Database(ABC):
    """One database, and all in which it differs from one of another make."""

    name: str
    """What sentences call it; no password is in it."""
    url: str
    """The url that another process reaches it by; the password is in it."""

    @abstractmethod
    def writer(self) -> AsyncEngine:
        """Return an engine of one connection."""

    @abstractmethod
    def reader(self) -> AsyncEngine:
        """Return an engine of several connections, each of whose transactions reads a snapshot."""

    @abstractmethod
    def visitor(self) -> AsyncEngine:
        """Return such an engine for a process that may write nothing, as another user."""

    @abstractmethod
    def onlooker(self, *, patient: bool = False) -> AsyncEngine:
        """Return an engine for one reader of a database that nobody has prepared for it.

        It leaves nothing behind. One that is `patient` reads for hours, with pauses. Raises
        StoreError where there is no database.
        """

    @abstractmethod
    async def prepare(self, *, create: bool) -> None:
        """Bring the schema up to date; an absent or empty database gets one if `create` says so.

        Raises StoreError where the database is unusable, or newer than this program.
        """

    @abstractmethod
    async def revisions(self) -> tuple[str | None, str]:
        """Return the schema's revision (None: there is none yet), and this program's.

        It changes nothing. Raises StoreError where the database cannot be written.
        """

    @abstractmethod
    def alone(self) -> AbstractAsyncContextManager[None]:
        """Keep every other daemon and writing command off for the time of the context.

        Raises StoreError with the holder's name where another one has it.
        """

    @abstractmethod
    async def holder(self) -> str | None:
        """Return who is `alone` here, in words; None if nobody is. Raises StoreError."""

    @abstractmethod
    async def backup(self, to: Path) -> None:
        """Copy the database while it is in use; `to` appears when the copy is complete.

        Raises StoreError, also where other programs are better at that, which it then names.
        """

    @abstractmethod
    def filled(self) -> AbstractAsyncContextManager[Filling]:
        """Make an empty database, which nobody can open before the body has ended well.

        The caller is `alone`. What an interrupted body has left is removed first. Raises StoreError
        where the database holds anything else.
        """

    @abstractmethod
    def fault(self, error: Exception) -> StoreError | None:
        """Translate a driver's error, in words for the operator; None if it is none."""

    async def began(self, connection: AsyncConnection, key: str | None) -> None:
        """Finish the beginning of a writing transaction; `key` names what it excludes."""
        del connection, key

    async def is_committed(self, connection: AsyncConnection, number: int) -> bool:
        """Return whether a transaction of that number was committed; this one gets it if not.

        Always false where a commit cannot succeed without its answer.
        """
        del connection, number
        return False

    def answered(self, number: int) -> None:
        """Note that the transaction of that number is known to be committed."""
        del number

    async def is_another(self) -> bool:
        """Return whether the name now leads to another database than at the last call."""
        return False

    @asynccontextmanager
    async def looked_at(self, *, patient: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a connection of an `onlooker`, which sees one snapshot. Raises StoreError."""
        engine = self.onlooker(patient=patient)
        try:
            async with self.errors_outside_body(engine.connect()) as connection:
                with self.errors():
                    yield connection
        finally:
            await engine.dispose()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Translate database errors into `StoreError`, and rejected records into `RecordError`."""
        try:
            yield
        except StoreError:
            raise  # it is of this database, or of another one
        except PoolTimeout as error:
            raise StoreError(
                f"database {self.name} is busy: its connections are all in use"
            ) from error
        except (IntegrityError, DataError) as error:
            raise RecordError(f"database {self.name} refuses a record: {error.orig}") from error
        except Exception as error:
            fault = self.fault(error)
            if fault is None and isinstance(error, _UNSTORABLE):
                fault = RecordError(f"database {self.name} cannot store a record: {error}")
            if fault is None:
                raise
            raise fault from error

    @asynccontextmanager
    async def errors_outside_body(
        self, context: AbstractAsyncContextManager[T]
    ) -> AsyncIterator[T]:
        """Translate errors from entering and leaving a context; those of its body pass through."""
        with self.errors():
            entered = await context.__aenter__()
        try:
            yield entered
        except BaseException as error:
            with self.errors():
                await context.__aexit__(type(error), error, error.__traceback__)
            raise
        with self.errors():
            await context.__aexit__(None, None, None)


_UNSTORABLE = (SQLAlchemyError, ValueError, TypeError, OverflowError)
