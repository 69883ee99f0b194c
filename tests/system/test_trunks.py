"""How full a trunk is, on live calls of a real Asterisk: shown, warned of, and never refused."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.program import PROGRAM
from rig.waiting import patience_s, until
from tests.support.daemon.daemon import Daemon
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

TRUNKS = 'trunk_channels = { "PJSIP/carrier" = 5, "PJSIP/carrier*" = 20 }\n'


def used(daemon: Daemon) -> dict[str, tuple[int, int]]:
    """Return the channels of each trunk that are in use, and how many it has."""
    (pbx,) = daemon.get("/status")["pbxes"]
    return {trunk["trunk"]: (trunk["used"], trunk["channels"]) for trunk in pbx["trunks"]}


def _until_used(daemon: Daemon, expected: dict[str, tuple[int, int]]) -> None:
    until(lambda: used(daemon) == expected, f"the trunks are {expected}")


def test_a_trunk_that_fills_is_shown_and_warned_of_and_refuses_nothing(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, pbx_more=TRUNKS)
        daemon = stage.daemon
        daemon.apply(accounts("unlimited"))
        assert used(daemon) == {"PJSIP/carrier": (0, 5), "PJSIP/carrier*": (0, 20)}
        nobody = stage.scene.phone("initech")
        legs = [stage.phone.dial(f"015550{n}") for n in range(3)]
        legs.append(nobody.dial("*60155509"))  # no hook
        inbound = stage.scene.carrier(2).dial("+15550102")  # the conference
        _until_used(daemon, {"PJSIP/carrier": (4, 5), "PJSIP/carrier*": (5, 20)})
        until(lambda: daemon.logged("trunk nearly full"), "the warning")
        (line,) = daemon.logged("trunk nearly full")
        assert (line["pbx"], line["trunk"], line["used"]) == ("pbx1", "PJSIP/carrier", 4)
        assert (
            daemon.metric("pbxbilling_trunk_channels_used", pbx="pbx1", trunk="PJSIP/carrier*") == 5
        )
        page = subprocess.run(
            [PROGRAM, "status", "-c", daemon.config],
            capture_output=True, text=True, timeout=patience_s(30), check=True,
        ).stdout  # fmt: skip
        assert "trunk PJSIP/carrier of pbx1: 4 of 5 channels in use; NEARLY FULL" in page
        assert "trunk PJSIP/carrier* of pbx1: 5 of 20 channels in use\n" in page

        legs += [stage.phone.dial(f"015551{n}") for n in range(2)]
        assert [leg.status for leg in legs] == [200] * 6
        _until_used(daemon, {"PJSIP/carrier": (6, 5), "PJSIP/carrier*": (7, 20)})

        daemon.stop()
        daemon.start()
        _until_used(daemon, {"PJSIP/carrier": (6, 5), "PJSIP/carrier*": (7, 20)})

        inbound.hang_up()
        for leg in legs[:3]:
            leg.hang_up()
        until(lambda: daemon.logged("trunk has room again"), "it has room again")
        _until_used(daemon, {"PJSIP/carrier": (3, 5), "PJSIP/carrier*": (3, 20)})
        assert len(daemon.logged("trunk nearly full")) == 2, "once in each run"


def test_a_reload_changes_what_a_trunk_has(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, pbx_more=TRUNKS)
        daemon = stage.daemon
        daemon.apply(accounts("unlimited"))
        stage.phone.dial("0155501")
        _until_used(daemon, {"PJSIP/carrier": (1, 5), "PJSIP/carrier*": (1, 20)})
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace(TRUNKS, 'trunk_channels = { "PJSIP/carrier" = 1 }\n'))
        daemon.reload()
        assert used(daemon) == {"PJSIP/carrier": (1, 1)}
        until(lambda: daemon.logged("trunk nearly full"), "the warning")
        daemon.config.write_text(text.replace(TRUNKS, ""))
        daemon.reload()
        assert used(daemon) == {}
        assert daemon.logged("trunk has room again") == []
        assert len(daemon.logged("link up")) == 1, "the link stayed"
