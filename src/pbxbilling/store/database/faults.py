"""What a failed use of a database means to whoever used it.

The writer tries again after most of them; a record that will never be accepted it leaves out.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from pbxbilling.kernel.errors import StoreError


class RecordError(StoreError):
    """The database works, but will never accept one of these records."""


class ReopenError(StoreError):
    """What is open is of no more use, and may be another one by now: open it anew."""


class ConflictError(StoreError):
    """The database aborted this transaction in favour of another: rerun all of it."""


class LeaseLostError(StoreError):
    """Another daemon has the database since: this one must not write to it any more."""


def driver_error(error: Exception) -> object:
    """Return the driver's own error behind one of SQLAlchemy's."""
    return error.orig if isinstance(error, DBAPIError) else error
