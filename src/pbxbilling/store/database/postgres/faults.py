"""Translates PostgreSQL's and asyncpg's errors into `StoreError`s that name the fix."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import asyncpg
from asyncpg.exceptions import TargetServerAttributeNotMatched
from sqlalchemy.exc import DBAPIError

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.faults import ConflictError, RecordError, ReopenError

_WITHOUT = "cannot be reached: check that its server runs, and that database.url names it"
_SILENT = (
    "does not answer: look whether its server is stopped or overloaded, and at the network between"
)
_NO_TLS = (
    "cannot be reached: its server has no TLS, and sslmode in database.url demands it: set"
    " `ssl = on` there"
)
_CERTIFICATE = (
    "cannot be reached: its TLS certificate is not accepted: check sslmode, sslrootcert and the"
    " server's name in database.url"
)
_TLS = (
    "cannot be reached: TLS fails: check sslmode, sslrootcert, sslcert and sslkey in database.url"
)
_NOT_WANTED = (
    "cannot be reached: none of its servers is what target_session_attrs in database.url demands:"
    " promote a standby, or name the primary"
)
# By SQLSTATE or its first two characters,
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONFLICTS = ("40001", "40P01")  # serialization_failure, deadlock_detected
_REFUSED = ("22", "23")  # data exception, integrity constraint violation
_FIXES = {
    "08": _WITHOUT,
    "57P01": "went away: its server was stopped, or somebody ended the connection",
    "57P02": "went away: its server crashed",
    "57P03": "cannot be reached: its server is starting or stopping",
    "57P05": "went away: its server ends idle connections",
    "25P03": "went away: a transaction was idle for too long; is this machine overloaded?",
    "57014": "took too long: look for locks in pg_stat_activity, and at the server's disk",
    "55P03": "took too long: somebody holds a lock; pg_stat_activity names who",
    "28": "refuses this user: check user and password, and the server's pg_hba.conf",
    "3D000": "does not exist: create it (docs/guides/postgresql.md, Set it up)",
    "25006": (
        "only reads here: this is a standby, or a role that may not write; add"
        " target_session_attrs=read-write to database.url"
    ),
    "42501": "refuses this role something: grant it (config/postgresql/roles.sql)",
    "42P01": "lacks a table: the daemon creates the schema at its first start",
    "53100": "cannot grow: the server's disk is full, make room there",
    "53200": "failed: the server has no memory left",
    "53300": "has no connection left: raise max_connections there, or end other programs",
    "XX001": "is damaged: restore a copy (docs/guides/postgresql.md, Back it up)",
    "XX002": "has a damaged index: REINDEX, then look at the server's disk",
}
_GONE = ("08", "57P01", "57P02", "57P03", "57P05", "25P03", "25006", "XX")
_ENDED = asyncpg.ConnectionDoesNotExistError
_NO_SERVER = (
    OSError,  # TimeoutError, refused connections and faults of TLS among them
    asyncpg.InterfaceError,  # a closed connection
    TargetServerAttributeNotMatched,
)


def store_error(name: str, error: Exception) -> StoreError | None:
    """Translate an error for the operator; the server's own message follows in brackets."""
    cause = _driver_error(error)
    if isinstance(cause, asyncpg.InvalidCachedStatementError):
        return ConflictError(f"database {name} changed its schema meanwhile [{cause}]")
    if isinstance(cause, asyncpg.DataError):
        return RecordError(f"database {name} refuses a record: {cause}")
    if isinstance(cause, asyncpg.PostgresError):
        return _by_state(name, cause)
    if isinstance(cause, _NO_SERVER):
        return ReopenError(f"database {name} {_unreachable(cause)} [{_said(cause)}]")
    if isinstance(error, DBAPIError):
        return StoreError(f"database {name} failed: {cause}")
    return None


def _unreachable(cause: BaseException) -> str:
    """Return why no connection can be opened or used, with the fix."""
    if isinstance(cause, TimeoutError):
        return _SILENT
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _CERTIFICATE
    if isinstance(cause, TargetServerAttributeNotMatched):
        return _NOT_WANTED
    if isinstance(cause, (asyncpg.ClientConfigurationError, ssl.SSLError)):
        return _TLS
    return _NO_TLS if "rejected SSL upgrade" in str(cause) else _WITHOUT


def _by_state(name: str, cause: asyncpg.PostgresError) -> StoreError:
    state = cause.sqlstate or ""
    if state in _CONFLICTS:
        return ConflictError(
            f"database {name} aborted a transaction in favour of another one [{cause}]"
        )
    if state.startswith(_REFUSED):
        return RecordError(f"database {name} refuses a record: {cause}")
    fix = _FIXES.get(state) or _FIXES.get(state[:2])
    kind = ReopenError if state.startswith(_GONE) else StoreError
    return kind(f"database {name} {fix or 'failed'} [{cause}]")


def _driver_error(error: Exception) -> BaseException:
    """Return asyncpg's own error: SQLAlchemy wraps it twice.

    Where the server has said why it ends a connection, that is it.
    """
    for cause in _causes(error):
        if isinstance(cause, (asyncpg.PostgresError, *_NO_SERVER)):
            why = cause.__cause__ if isinstance(cause, _ENDED) else None
            return why if isinstance(why, asyncpg.PostgresError) else cause
    return error.orig or error if isinstance(error, DBAPIError) else error


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, DBAPIError) and error.orig is not None:
        yield from _causes(error.orig)
    elif error.__cause__ is not None:
        yield from _causes(error.__cause__)


def _said(cause: BaseException) -> str:
    return str(cause) or type(cause).__name__
