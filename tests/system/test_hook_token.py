"""The hook's token on a real Asterisk: only who has it is judged, and nothing logs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from rig.waiting import until
from tests.support.agi.client import ask, environment
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.system.test_doctor import examined

pytestmark = pytest.mark.asterisk

TOKEN = "0123456789abcdef.~_-Token"
OTHER = TOKEN[::-1]
WITH_TOKEN = {"PBXBILLING_AGI__TOKEN": TOKEN}
NUMBER = "0155501"


def placed(daemon: Daemon, folder: Path, number: str = NUMBER) -> dict[int, int]:
    """Return the final answers to one call of acme's phone."""
    pbx, block = daemon.asterisk.block.pbx, daemon.asterisk.block
    with (
        sipp.answer(folder / "carrier", block.carrier()),
        sipp.call(folder / "caller", pbx, block.phone("acme"), number, hold_s=0) as call,
    ):
        call.await_count("final", 1)
        call.finish()
        finals = call.finals()
    daemon.wait_idle()
    return finals


def test_a_hook_is_judged_with_the_token_and_by_policy_without(
    each_asterisk: Asterisk, tmp_path: Path
) -> None:
    asterisk = each_asterisk
    with Daemon(asterisk, tmp_path, environment=WITH_TOKEN) as daemon:
        daemon.apply(ACCOUNTS)
        asterisk.set_global("PBXBILLING_TOKEN", TOKEN)
        assert placed(daemon, tmp_path / "good") == {200: 1}
        assert daemon.metric("pbxbilling_agi_sessions_total", ending="wrong_token") == 0
        asterisk.set_global("PBXBILLING_TOKEN", OTHER)
        assert placed(daemon, tmp_path / "wrong") == {486: 1}
        assert placed(daemon, tmp_path / "emergency", "112") == {200: 1}
        asterisk.restore()  # and so without the global
        asterisk.set_global("PBXBILLING_HOOK", daemon.hook)
        assert placed(daemon, tmp_path / "missing") == {486: 1}
        assert daemon.metric("pbxbilling_agi_sessions_total", ending="wrong_token") == 3
        (line,) = daemon.logged("hook without the token")
        assert line["peer"] == "127.0.0.1"
        refused = daemon.get("/decisions", refused=True)
        assert {row["reason"] for row in refused} == {"malformed"}
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert TOKEN.encode() not in file.read_bytes(), file


async def test_who_has_no_token_takes_no_slot(asterisk: Asterisk, tmp_path: Path) -> None:
    with Daemon(asterisk, tmp_path, environment=WITH_TOKEN) as daemon:
        daemon.apply(ACCOUNTS)
        port = int(daemon.hook.rpartition(":")[2])
        for number in range(20):
            forged = environment(tenant="acme", uniqueid=f"1.{number}")
            assert b"|malformed|" in await ask(port, forged)
        assert daemon.calls() == []
        until(
            lambda: daemon.metric("pbxbilling_agi_sessions_total", ending="wrong_token") == 20,
            "each of them is counted",
            5,
        )


@pytest.mark.parametrize("given", [TOKEN, OTHER, ""])
def test_the_doctor_asks_with_the_token_and_compares_it(
    asterisk: Asterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("PBXBILLING_AGI__TOKEN", TOKEN)
    with Daemon(asterisk, tmp_path) as daemon:
        if given:
            asterisk.set_global("PBXBILLING_TOKEN", given)
        _, found = examined(daemon)
        assert found["hook", "round trip"]["result"] == "ok"
        check = found["pbx1", "PBXBILLING_TOKEN"]
        assert check["result"] == ("ok" if given == TOKEN else "fail")
        assert not any(word in str(found) for word in (TOKEN, OTHER))
