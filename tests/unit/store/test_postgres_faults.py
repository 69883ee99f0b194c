"""What PostgreSQL's errors mean, by SQLSTATE, and asyncpg's own."""

from __future__ import annotations

import ssl

import asyncpg
import pytest
from asyncpg.exceptions import TargetServerAttributeNotMatched
from sqlalchemy.exc import DBAPIError

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store.database.faults import ConflictError, RecordError, ReopenError
from pbxbilling.store.database.postgres.server import PostgresDatabase

DATABASE = PostgresDatabase(PostgresUrl("bills", "pbxbilling", "secret", (("db1", 5432),)))


def by_state(state: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": state, "M": "what the server says"})


def wrapped(error: Exception) -> DBAPIError:
    """Wrap it as SQLAlchemy does, twice."""
    adapted = Exception("adapted")
    adapted.__cause__ = error
    return DBAPIError("INSERT", {}, adapted)


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        ("40001", ConflictError, "in favour of another one"),
        ("40P01", ConflictError, "in favour of another one"),
        ("40002", StoreError, "failed"),
        ("23505", RecordError, "refuses a record"),
        ("22021", RecordError, "refuses a record"),
        ("57P01", ReopenError, "went away"),
        ("57P03", ReopenError, "cannot be reached"),
        ("08006", ReopenError, "cannot be reached"),
        ("25006", ReopenError, "target_session_attrs=read-write"),
        ("25P03", ReopenError, "went away"),
        ("28P01", StoreError, "refuses this user"),
        ("3D000", StoreError, "does not exist"),
        ("42501", StoreError, "refuses this role"),
        ("42P01", StoreError, "lacks a table"),
        ("53100", StoreError, "disk is full"),
        ("53300", StoreError, "has no connection left"),
        ("57014", StoreError, "took too long"),
        ("XX001", ReopenError, "is damaged"),
        ("XX000", ReopenError, "failed"),
    ],
)
@pytest.mark.parametrize("wrap", [wrapped, lambda error: error])
def test_an_error_of_the_server_names_the_fix(
    state: str, kind: type[StoreError], says: str, wrap: object
) -> None:
    assert callable(wrap)
    with pytest.raises(StoreError, match=says) as raised, DATABASE.errors():
        raise wrap(by_state(state))
    assert type(raised.value) is kind
    assert "bills at db1" in str(raised.value)
    assert "what the server says" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionRefusedError(111, "refused"), "cannot be reached"),
        (TimeoutError(), r"does not answer.*\[TimeoutError\]"),
        (asyncpg.InterfaceError("connection is closed"), "cannot be reached"),
        (asyncpg.ConnectionDoesNotExistError("gone"), "cannot be reached"),
        (ssl.SSLCertVerificationError("self-signed"), "certificate is not accepted"),
        (ssl.SSLError("no protocols available"), "TLS fails"),
        (ConnectionError("PostgreSQL server at db1 rejected SSL upgrade"), "has no TLS"),
        (TargetServerAttributeNotMatched("none"), "promote a standby"),
    ],
)
def test_a_server_that_is_not_there_is_opened_anew(error: Exception, says: str) -> None:
    for one in (error, wrapped(error)):
        with pytest.raises(ReopenError, match=says), DATABASE.errors():
            raise one


def test_what_the_driver_cannot_write_is_refused_as_a_record() -> None:
    with pytest.raises(RecordError), DATABASE.errors():
        raise wrapped(asyncpg.DataError("value out of int64 range"))


def test_a_statement_of_before_a_migration_runs_again() -> None:
    with pytest.raises(ConflictError), DATABASE.errors():
        raise wrapped(asyncpg.InvalidCachedStatementError("cached plan must not change"))


def test_another_error_is_none_of_the_database() -> None:
    with pytest.raises(ZeroDivisionError), DATABASE.errors():
        raise ZeroDivisionError
