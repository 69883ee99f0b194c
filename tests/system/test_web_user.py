"""The web process as a user of its own: what it reads, asks for and cannot, as the daemon goes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM
from tempfile import TemporaryDirectory

import httpx
import pytest

from rig.waiting import until
from tests.support.daemon.two_users import AS_WEB, WEB_USER, Site, why_not

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(why_not()), reason=why_not())]

SUSPENSION = "/tenants/acme/suspension"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Yield a folder open to all three users: pytest's own are closed to others."""
    with TemporaryDirectory(prefix="pbxbilling-web-user-") as directory:
        Path(directory).chmod(0o755)
        site = Site(Path(directory))
        site.apply()
        yield site


@pytest.fixture(scope="module")
def program(site: Site) -> Iterator[httpx.Client]:
    """Yield a program of the operator's, whose web process begins without a daemon.

    Nor is there a log beside the database, which that user could not make.
    """
    made = json.loads(site.says("token", "add", "a program", "--scope", "admin", "--json"))
    site.apply()  # whose end folds the log that a killed daemon has left
    assert not site.database.with_name(f"{site.database.name}-wal").exists()
    with site.web_process() as client:
        client.headers["Authorization"] = f"Bearer {made['token']}"
        assert tenants(client) == ["acme"]
        yield client


def tenants(program: httpx.Client) -> list[str]:
    answer = program.get("/tenants")
    assert answer.status_code == 200, answer.text
    return [one["tenant"] for one in answer.json()]


def test_its_group_reads_the_database_and_nobody_else(site: Site) -> None:
    read = ["head", "--bytes=1", str(site.database)]
    assert subprocess.run([*WEB_USER, *read], capture_output=True, check=False).returncode == 0
    stranger = [word.replace("--groups=65534", "--clear-groups") for word in WEB_USER]
    assert subprocess.run([*stranger, *read], capture_output=True, check=False).returncode != 0
    assert site.database.stat().st_mode & 0o777 == 0o640


def test_it_reads_without_a_daemon_and_says_why_it_cannot_write(program: httpx.Client) -> None:
    assert tenants(program) == ["acme"]
    away = program.put(SUSPENSION)
    assert (away.status_code, "the daemon does not run" in away.text) == (503, True)


@pytest.mark.parametrize("end", [SIGTERM, SIGKILL], ids=["stopped", "killed"])
def test_it_reads_and_writes_through_every_life_of_the_daemon(
    site: Site, program: httpx.Client, end: int
) -> None:
    for _ in range(2):
        with site.daemon(end):
            assert tenants(program) == ["acme"]
            assert program.put(SUSPENSION).status_code == 200
            shown = program.get("/tenants/acme").json()["tenant"]["blocks"]
            assert shown == ["operator"]  # what was just written is read
            assert program.delete(SUSPENSION).status_code == 200
        assert program.get("/tenants/acme").json()["tenant"]["blocks"] == []
        assert tenants(program) == ["acme"]
    assert site.owners() == {site.folder.stat().st_uid}


def test_a_command_of_that_user_gets_nothing_by_itself(site: Site) -> None:
    with site.daemon():
        said = site.fails("tenant", "suspend", "acme", before=AS_WEB)
        assert "the web process names nobody who may act" in said


def test_it_starts_where_there_is_no_database_yet_and_reads_it_once_there_is(site: Site) -> None:
    with TemporaryDirectory(prefix="pbxbilling-web-user-") as directory:
        Path(directory).chmod(0o755)
        empty = Site(Path(directory))
        with empty.web_process() as client:
            client.headers["Authorization"] = "Bearer x"
            until(lambda: client.get("/tenants").status_code in {401, 503}, "it answers")
            with empty.daemon():
                made = json.loads(empty.says("token", "add", "p", "--scope", "admin", "--json"))
                client.headers["Authorization"] = f"Bearer {made['token']}"
                assert client.get("/tenants").json() == []
