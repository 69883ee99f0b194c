"""`pbxbilling doctor` beside a real Asterisk: silent where all is well, else each fault by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.program import PROGRAM
from rig.scene import MOBILE
from rig.site import AMI_SECRET
from rig.waiting import patience_s
from tests.support.daemon.daemon import Daemon
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

Found = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close what is open by default, and name a plan with a limit: the doctor would warn."""
    monkeypatch.setenv("PBXBILLING_BILLING__DEFAULT_PLAN", "pair")
    monkeypatch.setenv("PBXBILLING_UNKNOWN_TENANT", "refuse")
    monkeypatch.setenv("PBXBILLING_AGI__ON_DEADLINE", "refuse")


def examined(daemon: Daemon) -> tuple[int, Found]:
    """Return the command's exit status, and each check by subject and name, from its JSON."""
    ran = _run(daemon, "--json")
    assert ran.stdout, ran.stderr
    checks: list[dict[str, str]] = json.loads(ran.stdout)
    return ran.returncode, {(check["subject"], check["name"]): check for check in checks}


def examined_amid_calls(stage: Stage) -> tuple[int, Found]:
    """Return the same while one call lives and others come and go."""
    leg = stage.phone.dial(MOBILE)
    done = threading.Event()

    def look() -> tuple[int, Found]:
        try:
            return examined(stage.daemon)
        finally:
            done.set()

    with ThreadPoolExecutor() as pool:
        looked = pool.submit(look)
        while not done.is_set():
            stage.phone.dial(MOBILE).hang_up()
        leg.hang_up()
        return looked.result()


def _run(daemon: Daemon, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "doctor", "-c", daemon.config, *options],
        capture_output=True,
        text=True,
        timeout=patience_s(30),
        check=False,
        env={**os.environ, "COLUMNS": "220"},
    )


def _rewrite(daemon: Daemon, before: str, after: str) -> None:
    """Change the configuration file, without the running daemon reading it."""
    text = daemon.config.read_text()
    assert before in text
    daemon.config.write_text(text.replace(before, after))


@pytest.fixture
def daemon(asterisk: Asterisk, tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(asterisk, tmp_path, journal=True) as daemon:
        yield daemon


def test_all_is_well_while_calls_come_and_go(each_asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(each_asterisk, tmp_path, stack, journal=True)
        stage.daemon.apply(accounts("unlimited"))
        status, found = examined_amid_calls(stage)
    assert [check for check in found.values() if check["result"] != "ok"] == []
    assert status == 0
    assert {name for subject, name in found if subject == "pbx1"} == {
        "login", "rights", "events", "timestampevents", "channelvars", "clock",
        "trunk PJSIP/carrier*", "dialplan", "PBXBILLING_HOOK", "PBXBILLING_PBX", "journal",
    }  # fmt: skip
    assert re.match(r"[2-9] live channels have", found["pbx1", "channelvars"]["found"])


def test_an_idle_pbx_fails_nothing_and_is_warned_of_what_no_call_has_shown(
    daemon: Daemon, asterisk: Asterisk
) -> None:
    asterisk.wait_idle()
    status, found = examined(daemon)
    unwell = {name: check["result"] for (_, name), check in found.items() if check["mend"]}
    unwell.pop("journal", None)  # Asterisk creates it with its first call
    assert unwell.pop("billing.default_plan") == "warn", "no accounts file is applied yet"
    assert unwell == {"events": "warn", "timestampevents": "warn", "channelvars": "warn"}
    assert status == 0


def test_a_trunk_without_a_pattern_is_found_too(daemon: Daemon) -> None:
    _rewrite(daemon, "PJSIP/carrier*", "PJSIP/carrier")
    assert examined(daemon)[1]["pbx1", "trunk PJSIP/carrier"]["result"] == "ok"


def test_it_takes_no_slot_and_leaves_the_counts_alone(daemon: Daemon) -> None:
    assert examined(daemon)[1]["hook", "round trip"]["result"] == "ok"
    assert daemon.calls() == []
    assert {leg["pbx"] for leg in daemon.legs()} <= {"pbx1"}  # earlier calls, from the journal


def test_a_wrong_secret_is_named_with_the_fix(daemon: Daemon) -> None:
    _rewrite(daemon, AMI_SECRET, "guessed")
    status, found = examined(daemon)
    login = found["pbx1", "login"]
    assert (status, login["result"]) == (1, "fail")
    assert "Authentication failed" in login["found"]
    assert "[pbxbilling] in manager.conf the secret of this [[pbx]]" in login["mend"]
    assert found["hook", "round trip"]["result"] == "ok"


def test_a_trunk_that_is_no_endpoint_is_named_with_those_that_are(daemon: Daemon) -> None:
    _rewrite(daemon, "PJSIP/carrier*", "PJSIP/carier")
    status, found = examined(daemon)
    trunk = found["pbx1", "trunk PJSIP/carier"]
    assert (status, trunk["result"]) == (1, "fail")
    assert "no such endpoint" in trunk["found"]
    assert "PJSIP/carrier2" in trunk["mend"]


def test_a_journal_that_is_elsewhere_is_named(daemon: Daemon, asterisk: Asterisk) -> None:
    _rewrite(daemon, str(asterisk.journal), "/nowhere/pbxbilling.csv")
    status, found = examined(daemon)
    journal = found["pbx1", "journal"]
    assert (status, journal["result"]) == (1, "fail")
    assert "/nowhere/pbxbilling.csv does not exist" in journal["found"]
    assert "cel_custom" in journal["mend"]


def test_a_stopped_daemon_is_named_with_the_fix(daemon: Daemon) -> None:
    daemon.stop()
    ran = _run(daemon)
    assert ran.returncode == 1
    assert "fail: hook: round trip: `systemctl start pbxbilling`" in ran.stdout
    assert "warn: database: lock: start the daemon" in ran.stdout
    assert f"nothing listens on {daemon.hook}" in ran.stdout


def test_a_pbx_that_leads_its_hooks_elsewhere_is_named(daemon: Daemon, asterisk: Asterisk) -> None:
    asterisk.set_global("PBXBILLING_HOOK", "127.0.0.1:1")
    asterisk.set_global("PBXBILLING_PBX", "other")
    status, found = examined(daemon)
    assert status == 1
    assert found["pbx1", "PBXBILLING_HOOK"]["result"] == "fail"
    assert "hooks go to 127.0.0.1:1" in found["pbx1", "PBXBILLING_HOOK"]["found"]
    assert "PBXBILLING_PBX=pbx1 under [globals]" in found["pbx1", "PBXBILLING_PBX"]["mend"]
