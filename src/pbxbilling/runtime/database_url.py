"""Where records are stored, as `[database] url` says it: an SQLite file or a PostgreSQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

_SQLITE = "sqlite:///"
_POSTGRES = re.compile(r"(?:postgresql(?:\+asyncpg)?|postgres)://")
POSTGRES_PORT = 5432
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFIED = ("verify-ca", "verify-full")
SESSIONS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
# libpq's names, https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_TLS_FILES = ("sslrootcert", "sslcert", "sslkey")
_EXPECTED = (
    'expected "sqlite:////absolute/path.db" or "postgresql+asyncpg://USER@HOST:5432/DATABASE"'
)


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """An SQLite file."""

    path: Path

    @property
    def text(self) -> str:
        """The url that is parsed as this one."""
        return f"{_SQLITE}{self.path}"


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A database of a PostgreSQL server, or of one server of several that replicate.

    Without `hosts` the driver looks for a socket of this machine's server. `tls` and `files` are
    libpq's `sslmode`, `sslrootcert`, `sslcert` and `sslkey`; `session` its `target_session_attrs`.
    """

    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    hosts: tuple[tuple[str, int], ...] = ()
    tls: str = ""
    files: tuple[tuple[str, str], ...] = ()
    session: str = ""

    @property
    def text(self) -> str:
        """The url that is parsed as this one; the password is in it."""
        named = [
            ("host", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            for host, port in self.hosts
        ]
        rest = [("sslmode", self.tls), *self.files, ("target_session_attrs", self.session)]
        query = urlencode([*named, *((key, value) for key, value in rest if value)])
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        account = f"{quote(self.user, safe='')}{secret}@" if self.user else ""
        return f"postgresql+asyncpg://{account}/{quote(self.database, safe='')}" + (
            f"?{query}" if query else ""
        )

    @property
    def name(self) -> str:
        """What to call it, without the password."""
        servers = ",".join(
            host if port == POSTGRES_PORT else f"{host}:{port}" for host, port in self.hosts
        )
        return f"{self.database} at {servers or 'this machine'}"

    @property
    def conninfo(self) -> str:
        """What PostgreSQL's own programs take in place of a database's name; without the password.

        https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
        """
        words = [
            ("host", ",".join(host for host, _ in self.hosts)),
            ("port", ",".join(str(port) for _, port in self.hosts)),
            ("user", self.user),
            ("dbname", self.database),
            ("sslmode", self.tls),
            *self.files,
            ("target_session_attrs", self.session),
        ]
        return " ".join(f"{key}={_libpq_value(value)}" for key, value in words if value)

    def with_password(self, password: str) -> PostgresUrl:
        """Return the url with the password of a file."""
        return replace(self, password=password)


DatabaseUrl = SqliteUrl | PostgresUrl


def parse_database_url(url: str) -> DatabaseUrl:
    """Parse the url of a database. Raises ValueError, which never names a password."""
    if url.startswith(_SQLITE):
        return _sqlite(url)
    found = _POSTGRES.match(url)
    if found is None:
        raise ValueError(_EXPECTED)
    place, _, query = url[found.end() :].partition("?")
    return _postgres(place, query)


def has_password(url: str) -> bool:
    """Return whether a password stands in the url of a database; false for a faulty url."""
    try:
        found = parse_database_url(url)
    except ValueError:
        return False
    return isinstance(found, PostgresUrl) and bool(found.password)


def _sqlite(url: str) -> SqliteUrl:
    path, _, _ = url.removeprefix(_SQLITE).partition("?")
    if not path or path.startswith(":"):
        raise ValueError(_EXPECTED)
    return SqliteUrl(Path(path))


def _postgres(place: str, query: str) -> PostgresUrl:
    account, at, rest = place.rpartition("@")
    user, _, password = account.partition(":")
    servers, _, database = rest.partition("/")
    if (at and not user) or not database or "/" in database:
        raise ValueError(_EXPECTED)
    hosts, options = [host for host in servers.split(",") if host], dict[str, str]()
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key == "host":
            hosts += value.split(",")
        else:
            options["sslmode" if key == "ssl" else key] = value
    tls, session = options.pop("sslmode", ""), options.pop("target_session_attrs", "")
    files = tuple((key, options.pop(key)) for key in _TLS_FILES if key in options)
    _check("sslmode", tls, TLS_MODES)
    _check("target_session_attrs", session, SESSIONS)
    if options:
        known = "host, sslmode, sslrootcert, sslcert, sslkey and target_session_attrs"
        raise ValueError(f'"{min(options)}" means nothing in a database\'s url: it takes {known}')
    return PostgresUrl(
        unquote(database),
        unquote(user),
        unquote(password),
        tuple(map(_host, hosts)),
        tls,
        files,
        session,
    )


def _check(key: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise ValueError(f"{key}: expected one of {', '.join(known)}")


def _libpq_value(text: str) -> str:
    if re.fullmatch(r"[^\s'\\]+", text):
        return text
    escaped = re.sub(r"(['\\])", r"\\\1", text)
    return f"'{escaped}'"


def _host(text: str) -> tuple[str, int]:
    """Parse a host with or without port; a folder is one of sockets."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = unquote(text).partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise ValueError(f'"{text}" is no server: expected HOST, HOST:PORT or a folder of sockets')
    return host, int(port) if port else POSTGRES_PORT
