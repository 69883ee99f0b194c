"""Finds out whether a transaction was committed whose answer was lost.

A connection that ends during COMMIT leaves both possible. Most rows have a key that makes writing
them again harmless; decisions, audit and changes of terms have none but the number of the row, and
would be there twice.

Each transaction therefore begins with a number of its own, drawn by whoever may repeat it, that it
leaves in a table: with everything else or with nothing. To begin again with the same number tells
what became of the first attempt, and waits for one that the server still has under way. The answer
is part of the data: it is right after a failover, too, where the number of a transaction
(`pg_xact_status`) can be another one's by then.

A number that was answered is deleted by the next transaction: the table has one row or two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

_KEPT_US = 30 * 86_400_000_000  # of a process that ended before its next transaction
_LEAVE = text(
    """
    WITH now AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us),
    old AS (
        DELETE FROM commit_number USING now
        WHERE number = ANY(:answered) OR at < now.us - :kept_us
    )
    INSERT INTO commit_number (number, at) SELECT :number, now.us FROM now
    ON CONFLICT (number) DO NOTHING RETURNING number
    """
).bindparams(
    bindparam("answered", type_=ARRAY(BigInteger)),
    bindparam("number", type_=BigInteger),
    bindparam("kept_us", _KEPT_US, type_=BigInteger),
)


class CommitNumbers:
    """The numbers of one writer, whose transactions run one after the other."""

    def __init__(self) -> None:
        self._answered: list[int] = []

    async def leave(self, connection: AsyncConnection, number: int) -> bool:
        """Leave the number of this transaction; return False where it is committed already."""
        row = {"number": number, "answered": self._answered}
        return (await connection.execute(_LEAVE, row)).first() is not None

    def answered(self, number: int) -> None:
        """Note that this transaction is known to be committed; so its number is needed no more."""
        self._answered = [number]
