"""The Debian packages, each in a booted machine of its release, a real Asterisk on loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from pbxbilling import __version__
from rig import packages, provision
from rig.booted_site import PORTS
from rig.packages import BOOKWORM, DEBIANS, TRIXIE, Debian
from rig.pages import blocks
from rig.phone import Phone
from rig.scene import MOBILE
from rig.site import claimed_block, claimed_ports
from rig.waiting import patience_s
from tests.support.rig.packaged_site import BEFORE, PackagedSite

pytestmark = [pytest.mark.system, pytest.mark.asterisk]

ACCOUNTS = """
[plan.one]
max_calls = 1
[tenant.acme]
plan = "one"
mode = "enforce"
accountcodes = ["acme"]
"""
REFUSED, PASSED = 486, 200
API = "http://127.0.0.1:8081/api/v1"
KEPT = "pbxbilling: kept /var/lib/pbxbilling"

each_debian = pytest.mark.parametrize("debian", DEBIANS, ids=lambda one: one.suite)
soak_on_the_older = pytest.mark.parametrize(
    "debian", [pytest.param(BOOKWORM, marks=pytest.mark.soak), TRIXIE], ids=lambda one: one.suite
)


def package_of(debian: Debian) -> Path:
    try:
        return packages.built(debian)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no package: {reason}")


@contextmanager
def packaged(debian: Debian, directory: Path, *more: str) -> Iterator[PackagedSite]:
    package_of(debian)
    with ExitStack() as stack:
        block = stack.enter_context(claimed_block())
        stack.enter_context(claimed_ports(*PORTS))
        try:
            site = PackagedSite(debian, directory, block, *more)
        except provision.UnprovisionedError as reason:
            pytest.skip(f"no booted Debian: {reason}")
        yield stack.enter_context(site)


@each_debian
def test_its_life_beside_an_asterisk_with_calls_up(debian: Debian, tmp_path: Path) -> None:
    with packaged(debian, tmp_path) as site:
        it_starts_in_mode_off_without_a_pbx(site)
        it_connects_the_pbx(site)
        with site.phone() as phone, site.carrier():
            live = Live(site, phone)
            an_upgrade_drops_no_call_and_restarts_once(live)
            it_is_removed_and_calls_go_on(live)
            it_is_purged_but_for_the_records(site)
            it_is_installed_again_with_its_records(live)


class Live:
    """A call of the tenant that may have one, and its next one."""

    def __init__(self, site: PackagedSite, phone: Phone) -> None:
        self.site = site
        self.phone = phone
        self.leg = phone.dial(MOBILE)

    def next_is(self, status: int) -> None:
        """Place another call, which ends with that status; the first one is still up."""
        leg = self.phone.call(MOBILE)
        leg.phone.await_change(lambda: leg.state in {"up", "ended"}, str(leg), 20)
        if leg.state == "up":
            leg.hang_up()
        assert leg.status == status
        assert self.leg.state == "up"


def it_starts_in_mode_off_without_a_pbx(site: PackagedSite) -> None:
    machine = site.machine
    printed = site.install(site.before())
    assert "/opt" not in printed
    assert machine.says("systemctl is-active pbxbilling").strip() == "active"
    assert machine.says("systemctl is-enabled pbxbilling").strip() == "enabled"
    site.ready()
    it_serves_the_api_by_a_user_of_its_own(site)
    assert f"pbxbilling {BEFORE}, mode off, " in machine.says("pbxbilling status")
    assert '"compiled":true' in machine.says("journalctl --unit pbxbilling --output cat")
    assert machine.says("systemctl --failed --no-legend") == ""
    assert machine.says("getent group asterisk").strip().endswith(":pbxbilling")
    assert not (machine.root / "etc/logrotate.d/pbxbilling-cel").is_symlink()
    machine.says("logrotate --debug /etc/logrotate.conf")


def it_serves_the_api_by_a_user_of_its_own(site: PackagedSite) -> None:
    """It reads the daemon's database, forwards what writes, and gets in nowhere else."""
    machine = site.machine
    made = json.loads(machine.says("pbxbilling token add first --scope admin --json"))
    token = {"Authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=API, headers=token, timeout=patience_s(20)) as program:
        assert program.get("/tenants").json() == []
        assert program.put("/tenants/none/suspension").status_code == 404
    main = int(machine.says("systemctl show --property=MainPID --value pbxbilling-web"))
    assert machine.says(f"stat --format=%U /proc/{main}").strip() == "pbxbilling-web"
    as_web = "setpriv --reuid=pbxbilling-web --regid=pbxbilling-web --init-groups"
    machine.says(f"{as_web} head --bytes=1 /var/lib/pbxbilling/pbxbilling.db")
    machine.says(f"! {as_web} touch /var/lib/pbxbilling/x")


def it_connects_the_pbx(site: PackagedSite) -> None:
    site.set_up()
    site.ready()
    site.apply(ACCOUNTS)
    site.machine.says("useradd --system --gid asterisk asterisk && dpkg-reconfigure pbxbilling")
    rotation = site.machine.root / "etc/logrotate.d/pbxbilling-cel"
    assert rotation.readlink() == Path("/etc/pbxbilling/logrotate.conf")
    site.machine.says("logrotate --debug /etc/logrotate.conf")


def an_upgrade_drops_no_call_and_restarts_once(live: Live) -> None:
    """Until its end the daemon of before judges; what the site wrote stays, and nobody is asked."""
    site, machine = live.site, live.site.machine
    before, written = site.pid(), (machine.root / "etc/pbxbilling/pbxbilling.toml").read_bytes()
    starts = site.starts()
    live.next_is(REFUSED)
    machine.says("dpkg --unpack /packages/new.deb")
    live.next_is(REFUSED)
    assert site.pid() == before
    machine.says("dpkg --configure pbxbilling")
    site.ready()
    assert site.pid() not in {0, before}
    assert machine.says("pbxbilling version").strip() == __version__
    assert site.starts() == starts + 1
    live.next_is(REFUSED)  # it knows the call that began before it
    assert (machine.root / "etc/pbxbilling/pbxbilling.toml").read_bytes() == written


def it_is_removed_and_calls_go_on(live: Live) -> None:
    machine = live.site.machine
    printed = machine.says("apt-get remove --yes --quiet=2 pbxbilling")
    assert "'pbxbilling setup asterisk --undo'" in printed
    assert not (machine.root / "usr/lib/pbxbilling").exists()
    assert not (machine.root / "etc/logrotate.d/pbxbilling-cel").is_symlink()
    assert (machine.root / "etc/pbxbilling/ami.secret").exists()
    assert live.site.pid() == 0
    live.next_is(PASSED)  # PBXBILLING_FALLBACK


def it_is_purged_but_for_the_records(site: PackagedSite) -> None:
    printed = site.machine.says("apt-get purge --yes --quiet=2 pbxbilling")
    assert KEPT in printed
    assert not (site.machine.root / "etc/pbxbilling").exists()
    assert not (site.machine.root / "var/lib/pbxbilling-web").exists()
    assert (site.machine.root / "var/lib/pbxbilling/pbxbilling.db").exists()
    left = "find / -xdev -name '*pbxbilling*' -not -path '/var/l*' -not -path '/proc/*'"
    kept = {"/usr/lib/sysusers.d/pbxbilling.conf"}
    found = {path for path in site.machine.says(left).split() if "asterisk" not in path}
    assert found - kept == set()


def it_is_installed_again_with_its_records(live: Live) -> None:
    site = live.site
    site.install()
    site.set_up()
    site.ready()
    assert "acme" in site.machine.says("pbxbilling tenants")
    live.next_is(REFUSED)


@soak_on_the_older
def test_what_was_made_by_hand_in_opt_is_left_alone_and_named(
    debian: Debian, tmp_path: Path
) -> None:
    with packaged(debian, tmp_path) as site:
        machine = site.machine
        unit = "[Service]\nExecStart=/opt/pbxbilling/bin/pbxbilling\n"
        by_hand = {
            "opt/pbxbilling/bin/pbxbilling": "#!/bin/sh\nexec sleep infinity\n",
            "usr/local/bin/pbxbilling": "#!/bin/sh\necho 0.1.0\n",
            "etc/systemd/system/pbxbilling.service": unit,
            "etc/pbxbilling/pbxbilling.toml": 'mode = "enforce"\n',
        }
        for name, text in by_hand.items():
            (machine.root / name).parent.mkdir(parents=True, exist_ok=True)
            (machine.root / name).write_text(text)
            (machine.root / name).chmod(0o755)
        machine.says("systemctl daemon-reload && systemctl start pbxbilling")
        before = site.pid()
        names = "/opt/pbxbilling /etc/systemd/system/pbxbilling.service /usr/local/bin/pbxbilling"
        for printed in (
            site.install(),
            machine.says("apt-get install --yes --quiet=2 --reinstall /packages/new.deb"),
        ):
            (line,) = [line for line in printed.splitlines() if "left as they are" in line]
            assert f"used in place of this package: {names}; " in line
        printed = machine.says("apt-get purge --yes --quiet=2 pbxbilling")
        assert "pbxbilling: kept /etc/pbxbilling, which /opt/pbxbilling uses" in printed
        assert site.pid() == before
        for name, text in by_hand.items():
            assert (machine.root / name).read_text() == text
        site.install()
        does_what_the_page_says(site, "From an installation in /opt")
        site.ready()
        assert "mode enforce" in machine.says("pbxbilling status")
        assert not (machine.root / "opt/pbxbilling").exists()


def does_what_the_page_says(site: PackagedSite, heading: str) -> None:
    (commands,) = blocks("docs/guides/packages.md", heading)
    site.machine.says(f"set -e\n{commands}")


@soak_on_the_older
def test_an_unprivileged_container_needs_no_line_dropped_and_can_drop_every_mount(
    debian: Debian, tmp_path: Path
) -> None:
    """In a user namespace, as LXC's; with the drop-in the daemon asks systemd for no mount."""
    with packaged(debian, tmp_path, "--private-users=identity") as site:
        machine = site.machine
        assert int((machine.root / "proc/1/uid_map").read_text().split()[2]) < 2**32 - 1
        site.install()
        site.ready()
        site.set_up()
        site.ready()
        does_what_the_page_says(site, "In an unprivileged container")
        site.ready()
        for space in ("mnt", "uts", "ipc", "net"):
            assert machine.says(
                f"readlink /proc/1/ns/{space} /proc/{site.pid()}/ns/{space} | uniq | wc -l"
            ).split() == ["1"], space


@soak_on_the_older
def test_lintian_finds_no_error_but_those_with_a_reason(debian: Debian) -> None:
    said = packages.lint(package_of(debian), debian)
    assert [line for line in said.splitlines() if line.startswith("E:")] == []


@pytest.mark.soak
@each_debian
def test_two_builds_have_the_same_bytes(debian: Debian, tmp_path: Path) -> None:
    package_of(debian)  # the compiler has been there
    built = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        built.append(packages.build(debian, tmp_path / name).read_bytes())
    assert built[0] == built[1]


def test_each_override_has_its_reason() -> None:
    path = packages.ROOT / packages.PACKAGING / "pbxbilling.lintian-overrides"
    blocks = path.read_text().replace("\npbxbilling:", "\0").replace("\n#", "#").split("\n")
    assert all(block.startswith("#") for block in blocks if block), blocks


@each_debian
def test_it_holds_the_compiled_core_and_no_cache_and_needs_no_asterisk(debian: Debian) -> None:
    package = package_of(debian)
    listed = _dpkg_deb("--contents", package)
    names = [line.split()[5] for line in listed.splitlines()]
    core = [name for name in names if "/site-packages/pbxbilling/kernel/" in name]
    assert any(name.endswith(".so") for name in core)
    assert [one for one in names if "__pycache__" in one or "/site-packages/pip" in one] == []
    assert [one for one in names if one.startswith(("./opt", "./usr/local"))] == []
    needs = _dpkg_deb("--field", package, "Depends", "Recommends", "Suggests", "Pre-Depends")
    assert f"python3.{debian.python[3:]}" in needs
    assert "asterisk" not in needs


def _dpkg_deb(how: str, package: Path, *fields: str) -> str:
    command = ["dpkg-deb", how, str(package), *fields]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
