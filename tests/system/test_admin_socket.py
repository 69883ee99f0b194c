"""The audit names the user that the kernel reports, whatever a request claims."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.waiting import patience_s
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.database import create

pytestmark = pytest.mark.system

NOBODY = 65534
FORGED = "daemon"  # an existing user that sends no request here
HEADERS = ("x-pbxbilling-actor", "x-pbxbilling-sudo-user", "x-forwarded-user")
ASK = f"""
import http.client, os, socket
if os.getuid() == 0:
    os.setgid({NOBODY})
    os.setuid({NOBODY})
link = socket.socket(socket.AF_UNIX)
link.connect("admin.sock")
request = http.client.HTTPConnection("pbxbilling")
request.sock = link
headers = dict.fromkeys({HEADERS}, "{FORGED}")
request.request("PUT", "/api/v1/tenants/acme/suspension", None, headers)
answer = request.getresponse()
assert answer.status == 200, answer.read()
link.close()
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path) as site:
        site.start()
        site.apply('[plan.p]\n[tenant.acme]\nplan = "p"\n')
        yield site


def name_of(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def last_actor(site: VirtualSite) -> str:
    actor: str = site.json("tenant", "show", "acme")["audit"][0]["actor"]
    return actor


def test_a_forged_header_changes_nothing(site: VirtualSite) -> None:
    site.directory.chmod(0o711)
    site.socket.chmod(0o666)
    subprocess.run(
        [sys.executable, "-c", ASK], cwd=site.directory, check=True, timeout=patience_s(20)
    )
    assert last_actor(site) == name_of(NOBODY if os.getuid() == 0 else os.getuid())


def test_the_environment_changes_nothing(site: VirtualSite) -> None:
    forged = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), FORGED)
    assert site.run("tenant", "suspend", "acme", env=forged).returncode == 0
    assert last_actor(site) == name_of(os.getuid())


def test_root_by_sudo_is_named_with_who_became_root(site: VirtualSite) -> None:
    assert site.run("tenant", "suspend", "acme", env={"SUDO_USER": FORGED}).returncode == 0
    me = name_of(os.getuid())
    assert last_actor(site) == (f"root ({FORGED})" if os.getuid() == 0 else me)


def test_without_a_daemon_it_is_the_user_of_the_process(site: VirtualSite) -> None:
    site.stop()
    assert site.run("tenant", "suspend", "acme", env={"LOGNAME": FORGED}).returncode == 0
    assert last_actor(site) == name_of(os.getuid())


def test_a_second_daemon_of_the_same_socket_ends_and_the_first_is_commanded_still(
    site: VirtualSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its other addresses are its own: only `http.admin` is copied."""
    with VirtualSite(tmp_path_factory.mktemp("second")) as second:
        second.socket = site.socket
        second.write_config()
        create(second.database)
        ended = second.run("serve", "-c", str(second.config))
        assert ended.returncode == 1
        assert f"http.admin {site.socket}: process {site.pid} listens there" in ended.stderr
    assert [tenant["tenant"] for tenant in site.json("tenants")] == ["acme"]
