"""A journal with the dates that FreePBX configures, written by a real Asterisk in its own zone.

The rig's Asterisk lives in UTC.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig import provision
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.scene import MOBILE, Scene
from rig.settings import Settings
from rig.site import claimed_block
from rig.waiting import patience_s, until
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.system.conftest import ABSENT

pytestmark = pytest.mark.asterisk

CEL = """[general]
enable=yes
apps=all
events=all
dateformat={form}
"""
IN_UTC, ELSEWHERE = 'cel_timezone = "UTC"\n', 'cel_timezone = "Asia/Tokyo"\n'


@pytest.fixture(scope="module", params=["%F %T", "%F %T.%6q"], ids=["seconds", "fractions"])
def freepbx(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Asterisk, bool]]:
    """Yield an Asterisk with such a cel.conf, and whether it writes whole seconds."""
    try:
        provision.chroot(provision.ASTERISK_22)
    except provision.UnprovisionedError as reason:
        pytest.skip(str(reason))
    form = str(request.param)
    settings = Settings(hook=ABSENT, files={"cel.conf": CEL.format(form=form)})
    folder = tmp_path_factory.mktemp("dated")
    with (
        claimed_block() as block,
        Asterisk(provision.ASTERISK_22, folder, block, settings) as asterisk,
    ):
        yield asterisk, form == "%F %T"


def doctor(daemon: Daemon) -> str:
    command = [sys.executable, "-m", "pbxbilling.cli.main", "doctor", "-c", str(daemon.config)]
    env = {**os.environ, "COLUMNS": "220"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=patience_s(60), check=False, env=env
    ).stdout


def test_what_nobody_saw_is_recovered_from_local_times(
    freepbx: tuple[Asterisk, bool], tmp_path: Path
) -> None:
    asterisk, rounded = freepbx
    asterisk.journal.unlink(missing_ok=True)
    with ExitStack() as stack:
        scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        daemon = stack.enter_context(Daemon(asterisk, tmp_path, journal=True, pbx_more=IN_UTC))
        daemon.apply(ACCOUNTS)
        scene.carrier()
        leg = scene.phone("acme").dial(MOBILE)
        scene.talk()
        leg.hang_up()
        daemon.wait_idle()
        (live,) = daemon.answered()
        daemon.stop()
        leg = scene.phone("acme", 2).dial(MOBILE)
        scene.talk()
        leg.hang_up()
        asterisk.wait_idle()
        daemon.start()
        until(lambda: len(daemon.answered()) == 2, "the journal's leg is on record", 20.0)
        assert daemon.answered()[0] == live, "AMI's stamps win"
        tenant, way, seconds = daemon.answered()[1]
        assert (tenant, way) == ("acme", "outbound")
        assert seconds == pytest.approx(live[2], abs=1.5)
        began = [leg["started_at"] for leg in daemon.legs()]
        assert 0 < began[1] - began[0] < 300_000_000, "in the right zone"
        doubts = daemon.metric("pbxbilling_journal_doubts_total", pbx="pbx1", kind="whole_seconds")
        assert doubts == rounded
        assert ("dateformat = %s.%6q" in doctor(daemon)) is rounded


def test_a_wrong_zone_is_found_and_its_rows_are_not_believed(
    freepbx: tuple[Asterisk, bool], tmp_path: Path
) -> None:
    asterisk, _ = freepbx
    asterisk.journal.unlink(missing_ok=True)
    with ExitStack() as stack:
        scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        daemon = stack.enter_context(Daemon(asterisk, tmp_path, journal=True, pbx_more=ELSEWHERE))
        daemon.apply(ACCOUNTS)
        scene.carrier()
        daemon.stop()
        leg = scene.phone("acme").dial(MOBILE)
        scene.talk()
        leg.hang_up()
        asterisk.wait_idle()
        daemon.start()
        until(lambda: daemon.logged("journal times doubtful", doubt="shifted"), "it is said", 20.0)
        assert not daemon.answered()
        assert daemon.metric("pbxbilling_journal_doubts_total", pbx="pbx1", kind="shifted") == 1
        assert daemon.pbx()["journal"] == "unreadable"
        told = doctor(daemon)
        assert "set cel_timezone to the zone of the PBX" in " ".join(told.split())
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace(ELSEWHERE, IN_UTC))
        daemon.reload()
        until(daemon.answered, "with the right zone the leg is recovered", 90.0)
