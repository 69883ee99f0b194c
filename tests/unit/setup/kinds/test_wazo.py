"""On Wazo new files of ours are put where it reads the site's; no file of its packages changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.setup.conf.reader import read
from pbxbilling.setup.files.backup import SetupError
from rig.generated import WAZO
from tests.support.setup.generated import Folder, folder_of

FILES = {
    "modules.conf": "[modules]\nautoload=yes\nnoload = cel_custom.so\n",
    "pjsip.conf": "#exec /usr/bin/wazo-confgen asterisk/pjsip.conf --cached\n",
}


@pytest.fixture
def wazo(tmp_path: Path) -> Folder:
    return folder_of(tmp_path, WAZO, FILES)


def test_no_file_that_was_there_is_edited(wazo: Folder) -> None:
    planned = wazo.planned(trunks=["PJSIP/carrier"])
    assert all(change.before is None for change in planned.changes)
    wazo.write(planned)
    assert wazo.planned(trunks=["PJSIP/carrier"]).changes == []


def test_its_channel_variables_and_events_are_kept(wazo: Folder) -> None:
    wazo.write(wazo.planned())
    variables = read(wazo.etc, "manager.conf").get("general", "channelvars")
    assert variables == "CHANNEL(linkedid),WAZO_TENANT_UUID,XIVO_BASE_EXTEN,PBXBILLING"
    events = (read(wazo.etc, "cel.conf").get("general", "events") or "").split(",")
    assert {"APP_START", "USER_DEFINED", "LOCAL_OPTIMIZE"} <= set(events)


def test_modules_are_what_confgend_is_told(wazo: Folder) -> None:
    assert [one for one in wazo.planned().by_hand if "conf.d/pbxbilling.yml: enabled_" in one]
    folder = wazo.etc.parent / "wazo-confgend"
    folder.mkdir()
    (change,) = [one for one in wazo.planned().changes if one.path.suffix == ".yml"]
    assert change.path == folder / "conf.d/pbxbilling.yml"
    assert change.after.endswith("enabled_asterisk_modules:\n  cel_custom.so: true\n")


def test_trunks_in_its_database_are_to_be_named(wazo: Folder) -> None:
    assert [one for one in wazo.planned().by_hand if "--trunk PJSIP/NAME" in one]
    named = wazo.planned(trunks=["PJSIP/carrier"]).by_hand
    assert not [one for one in named if "--trunk" in one or "#exec" in one]


def test_the_port_of_its_agid_is_not_taken(wazo: Folder) -> None:
    with pytest.raises(SetupError, match="port 4573"):
        wazo.planned(hook="127.0.0.1:4573")
