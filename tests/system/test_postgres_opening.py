"""A PostgreSQL server is reached as `database.url` says, or the sentence names what is wrong.

The daemon at its start and the doctor say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from socket import create_server

import pytest
from sqlalchemy import text

from pbxbilling.config.sections import DatabaseSettings
from pbxbilling.doctor.check import Result
from pbxbilling.doctor.database import look
from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl, parse_database_url
from pbxbilling.store.database.postgres.server import PostgresDatabase
from pbxbilling.store.store import SqlStore
from rig.certificate import self_signed
from rig.postgres import PASSWORD, READER, USER, Postgres
from rig.site import free_port
from tests.support.store.postgres import folder_of_servers, new_database

pytestmark = pytest.mark.system

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with folder_of_servers() as folder:
        yield folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Postgres]:
    """Run a server with TLS, whose certificate is for 127.0.0.1."""
    with Postgres(folder / "server", tls=self_signed(folder)) as server:
        yield server


@pytest.fixture
def url(server: Postgres) -> PostgresUrl:
    """Return the url of a new, empty database."""
    name = f"test{next(_NUMBERS)}"
    server.create(name)
    return server.url(name)


def at(url: PostgresUrl, host: str, port: int | None = None) -> PostgresUrl:
    return replace(url, hosts=((host, port or url.hosts[0][1]),))


async def starts(url: PostgresUrl) -> bool:
    """Open it as the daemon does; return whether the connection is encrypted."""
    parsed = parse_database_url(url.text)
    assert parsed == url, "what is written in a file is what is meant"
    assert isinstance(parsed, PostgresUrl)
    database = PostgresDatabase(parsed)
    encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    async with (
        database.alone(),
        await SqlStore.open(database) as store,
        store.transaction("x") as opened,
        opened.connection() as connection,
    ):
        return bool((await connection.execute(text(encrypted))).scalar())


async def refused(url: PostgresUrl, sentence: str) -> None:
    """Fail with that sentence at a start, and in the doctor; neither shows the password."""
    with pytest.raises(StoreError) as raised:
        await starts(url)
    (check, *_) = await look(DatabaseSettings(url=url.text))
    assert check.result is Result.FAIL
    for said in (str(raised.value), check.found):
        assert sentence in said
        assert url.database in said
        assert PASSWORD not in said


# --- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "host", "encrypted"),
    [
        ("", "127.0.0.1", True),
        ("disable", "127.0.0.1", False),
        ("prefer", "127.0.0.1", True),
        ("require", "localhost", True),
        ("verify-ca", "localhost", True),
        ("verify-full", "127.0.0.1", True),
    ],
)
async def test_the_connection_is_as_safe_as_the_url_says(
    url: PostgresUrl, folder: Path, mode: str, host: str, encrypted: bool
) -> None:
    trusted = (("sslrootcert", str(folder / "ca.pem")),) if mode.startswith("verify") else ()
    assert await starts(replace(at(url, host), tls=mode, files=trusted)) is encrypted


async def test_a_server_of_another_name_is_refused(url: PostgresUrl, folder: Path) -> None:
    trusted = (("sslrootcert", str(folder / "ca.pem")),)
    wrong = replace(at(url, "localhost"), tls="verify-full", files=trusted)
    await refused(wrong, "its TLS certificate is not accepted")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_a_certificate_of_another_authority_is_refused(
    url: PostgresUrl, tmp_path: Path, mode: str
) -> None:
    other = (("sslrootcert", str(self_signed(tmp_path).certificate)),)
    await refused(replace(url, tls=mode, files=other), "its TLS certificate is not accepted")


async def test_an_authority_that_cannot_be_read_is_named(url: PostgresUrl, tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    missing = replace(url, tls="verify-full", files=(("sslrootcert", str(absent)),))
    await refused(missing, f"sslrootcert={absent}: No such file")


async def test_a_server_without_tls_is_refused() -> None:
    with new_database() as url:
        await refused(replace(url, tls="require"), "its server has no TLS")


# --- who and what --------------------------------------------------------------------------------


async def test_a_socket_of_this_machine_needs_no_password(
    server: Postgres, url: PostgresUrl
) -> None:
    assert not await starts(replace(at(url, str(server.directory)), password=""))


async def test_a_wrong_password(url: PostgresUrl) -> None:
    await refused(replace(url, password="wrong"), "refuses this user")


async def test_no_such_role(url: PostgresUrl) -> None:
    await refused(replace(url, user="nobody"), "refuses this user")


async def test_no_such_database(url: PostgresUrl) -> None:
    await refused(replace(url, database="absent"), "does not exist: create it")


async def test_a_role_without_rights(server: Postgres, url: PostgresUrl) -> None:
    server.execute("postgres", f"CREATE ROLE powerless{url.database} LOGIN PASSWORD 'x'")
    other = replace(url, user=f"powerless{url.database}", password="x")
    await refused(other, "config/postgresql/roles.sql")
    await starts(url)
    await refused(other, "config/postgresql/roles.sql")


async def test_a_role_that_only_reads(server: Postgres, url: PostgresUrl) -> None:
    await starts(url)
    server.make_roles(url.database)
    await refused(replace(url, user=READER), "only reads here: this is a standby, or a role")


async def test_a_database_that_is_not_what_is_demanded(server: Postgres, url: PostgresUrl) -> None:
    await starts(replace(url, session="read-write"))
    server.execute(
        "postgres", f"ALTER DATABASE {url.database} SET default_transaction_read_only = on"
    )
    await refused(url, "only reads here")
    await refused(replace(url, session="read-write"), "promote a standby, or name the primary")


async def test_a_newer_schema_is_named(server: Postgres, url: PostgresUrl) -> None:
    await starts(url)
    server.execute(url.database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="has schema 9999, newer than"):
        await starts(url)


# --- which of several ----------------------------------------------------------------------------


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Return where somebody takes connections and says nothing."""
    with closing(create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()


async def answers(url: PostgresUrl) -> None:
    async with PostgresDatabase(url).looked_at() as connection:
        await connection.execute(text("SELECT 1"))


@pytest.mark.parametrize("session", ["primary", "read-write", "prefer-standby"])
async def test_the_next_server_is_asked_where_one_is_silent_and_one_away(
    url: PostgresUrl, silent: tuple[str, int], session: str
) -> None:
    away = ("127.0.0.1", free_port())
    await answers(replace(url, hosts=(silent, away, *url.hosts), session=session))


async def test_a_server_that_is_silent_is_no_server_that_is_away(
    url: PostgresUrl, silent: tuple[str, int]
) -> None:
    with pytest.raises(StoreError, match="does not answer"):
        await answers(replace(url, hosts=(silent,)))
    with pytest.raises(StoreError, match="cannot be reached: check that its server runs"):
        await answers(at(url, "127.0.0.1", free_port()))


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("show", [repr, str])
def test_no_settings_show_a_password(url: PostgresUrl, show: Callable[[object], str]) -> None:
    inline = DatabaseSettings(url=url.text)
    for one in (url, inline, inline.place, PostgresDatabase(url)):
        assert PASSWORD not in show(one)
        assert "rig%40only" not in show(one)
    assert USER in url.text
