"""Transactions on SQLite: which faults they tell, what they read, and when they run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.faults import ConflictError, store_error, told_as_store_errors


class ServerError(Exception):
    """What a driver raises: asyncpg's and psycopg's have `sqlstate`, psycopg2's has `pgcode`."""

    def __init__(self, **code: str) -> None:
        super().__init__("could not serialize access due to concurrent update")
        vars(self).update(code)


def given_up(**code: str) -> DBAPIError:
    return OperationalError("INSERT", {}, ServerError(**code or {"sqlstate": "40001"}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ({"sqlstate": "40001"}, ConflictError),
        ({"sqlstate": "40P01"}, ConflictError),
        ({"pgcode": "40001"}, ConflictError),
        ({"sqlstate": None, "pgcode": "40P01"}, ConflictError),
        ({"sqlstate": "40002"}, StoreError),
        ({"pgcode": "57014"}, StoreError),
    ],
)
def test_a_transaction_that_was_given_up_is_told_from_other_faults(
    code: dict[str, str], kind: type[StoreError]
) -> None:
    path = Path("x.db")
    assert type(store_error(path, given_up(**code))) is kind
    with pytest.raises(kind, match="concurrent update"), told_as_store_errors(path):
        raise given_up(**code)
