"""On FreePBX only *_custom.conf files are edited; the site's own lines there stay as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbxbilling.setup.conf.reader import read
from pbxbilling.setup.files.backup import SetupError
from pbxbilling.setup.pbx.site import Kind
from pbxbilling.setup.recipes import recipe
from rig.generated import FREEPBX_16, FREEPBX_17, Generated
from tests.support.setup.generated import folder_of

OURS = {
    *("extensions_pbxbilling.conf", "manager_pbxbilling.conf", "cel_custom_pbxbilling.conf"),
}
FRAMES = pytest.mark.parametrize("frame", [FREEPBX_17, FREEPBX_16], ids=["17", "16"])
HOOK = "[macro-dialout-trunk-predial-hook]\n"
CALL = "exten => s,1,Gosub(pbxbilling-out,s,1)\n"

SITES: dict[str, dict[str, str]] = {
    "empty": {},
    "own hook": {"extensions_custom.conf": f"{HOOK}exten => s,1,NoOp()\nexten => s,n,Return()\n"},
    "hook elsewhere": {"extensions_override_freepbx.conf": f"{HOOK}exten => s,1,NoOp()\n"},
    "numbered hook": {
        "extensions_custom.conf": f"{HOOK}exten => s,1,NoOp()\nexten => s,2,NoOp()\n"
    },
    "block of 0.1": {
        "extensions_custom.conf": f"{HOOK}exten => s,1,Gosub(pbxbilling-admit,s,1"
        "(outbound,${CHANNEL(accountcode)},${OUTNUM}))\nexten => s,n,MacroExit()\n"
    },
    "own incoming": {"extensions_custom.conf": "[from-pstn-pbxbilling]\nexten => s,1,NoOp()\n"},
    "globals by hand": {"globals_custom.conf": "PBXBILLING_HOOK=10.0.0.1:4590\nMINE=1\n"},
    "own journal": {
        "cel_general_custom.conf": "enable=no\ndateformat=%F\n\n[manager]\nenabled=yes\n",
        "cel_custom.conf": "[mappings]\nMaster.csv => ${CSV_QUOTE(${eventtype})}\n",
    },
    "no journal": {"cel_general_additional.conf": "[general]\nenable=no\nevents=ANSWER\n"},
    "excluded modules": {"modules.conf": "[modules]\nautoload=yes\nnoload = cel_custom.so\n"},
    "modules by hand": {"modules.conf": "[modules]\nautoload=no\n"},
    "own manager user": {"manager_additional.conf": "[pbxbilling]\nsecret = theirs\n"},
    "manager off": {"manager.conf": "[general]\nenabled = no\n#include manager_custom.conf\n"},
    "own channelvars": {"manager_custom.conf": "[general](+)\nchannelvars = MINE,OTHER\n"},
}
CUSTOM = ("globals_custom.conf", "extensions_custom.conf", "manager_custom.conf")


@pytest.mark.parametrize("missing", [(), CUSTOM, ("cel_general_custom.conf", "cel_custom.conf")])
@FRAMES
@pytest.mark.parametrize("site", SITES)
def test_only_custom_files_are_edited_and_a_second_run_changes_nothing(
    frame: Generated, site: str, missing: tuple[str, ...], tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, frame, SITES[site], missing)
    there = {path for path in folder.etc.rglob("*") if path.is_file()}
    planned = folder.planned()
    for name in folder.changed(planned):
        assert name.endswith("_custom.conf") or name in OURS
    folder.write(planned)
    assert {path.name for path in folder.etc.rglob("*") if path not in there} <= OURS | set(missing)
    again = folder.planned()
    assert again.changes == []
    assert set(again.by_hand) <= set(planned.by_hand)


@FRAMES
@pytest.mark.parametrize("site", SITES)
def test_what_a_site_has_written_itself_is_still_there(
    frame: Generated, site: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, frame, SITES[site])
    planned = folder.planned()
    for name, text in SITES[site].items():
        after = folder.after(planned, name)
        for line in text.splitlines():
            kept = re.sub(r"^exten => s,1,|(MacroExit|Return)\(\)$", "", line)
            assert kept in after


@FRAMES
def test_the_hook_ends_as_this_freepbx_calls_it(frame: Generated, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, frame)
    text = folder.after(folder.planned(), "extensions_custom.conf")
    assert text.endswith("same => n,MacroExit()\n" if frame.has_macro else "same => n,Return()\n")


@pytest.mark.parametrize("release", [16, 18, 20])
@FRAMES
def test_the_dialplan_tells_how_and_asterisks_release_does_not(
    frame: Generated, release: int, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, frame, release=release)
    assert folder.planned().site.has_macro is frame.has_macro


@pytest.mark.parametrize(
    ("own", "after"),
    [
        (
            "exten => s,1,Set(A=1)\n same => n,{end}()\n",
            f"{CALL}exten => s,n,Set(A=1)\n same => n,{{end}}()\n",
        ),
        (
            "exten => s,1(top),Set(A=1) ; mine\nexten => s,n,{end}()\n",
            f"{CALL}exten => s,n(top),Set(A=1) ; mine\nexten => s,n,{{end}}()\n",
        ),
        ("exten = s,1,{end}()\n", f"{CALL}exten => s,n,{{end}}()\n"),
        ("exten => s,1,{other}()\n", f"{CALL}exten => s,n,{{end}}()\n"),
        (
            "exten => s,1,NoOp()\n same => n,{other}\n",
            f"{CALL}exten => s,n,NoOp()\n same => n,{{end}}()\n",
        ),
    ],
)
@FRAMES
def test_a_site_s_own_hook_asks_first_and_goes_on(
    frame: Generated, own: str, after: str, tmp_path: Path
) -> None:
    end, other = ("MacroExit", "Return") if frame.has_macro else ("Return", "MacroExit")
    mine = HOOK + own.format(end=end, other=other)
    folder = folder_of(tmp_path, frame, {"extensions_custom.conf": mine})
    text = folder.after(folder.planned(), "extensions_custom.conf")
    assert text.startswith(HOOK + after.format(end=end))
    assert text.count(HOOK) == 1
    assert "[pbxbilling-out]" in text


@FRAMES
def test_the_block_that_was_put_there_by_hand_is_left(frame: Generated, tmp_path: Path) -> None:
    block = recipe("freepbx16" if frame.has_macro else "freepbx17")
    own = {"extensions_custom.conf": f"#include extensions_pbxbilling.conf\n{block}"}
    folder = folder_of(tmp_path, frame, own)
    (folder.etc / "extensions_pbxbilling.conf").write_text("[pbxbilling-admit]\n")
    assert "extensions_custom.conf" not in folder.changed(folder.planned())


def test_after_an_upgrade_to_17_a_second_run_corrects_the_end(tmp_path: Path) -> None:
    old = folder_of(tmp_path / "16", FREEPBX_16)
    text = old.after(old.planned(), "extensions_custom.conf")
    files = {"extensions_custom.conf": text, "extensions_pbxbilling.conf": ""}
    new = folder_of(tmp_path / "17", FREEPBX_17, files)
    assert "MacroExit" not in new.after(new.planned(), "extensions_custom.conf")


@pytest.mark.parametrize(
    ("site", "said"),
    [
        (
            "hook elsewhere",
            r"extensions_override_freepbx.conf:\d+: write in its place: .*pbxbilling-out",
        ),
        ("numbered hook", r"extensions_custom.conf:1: the site's own .*its first line"),
        ("block of 0.1", r"extensions_custom.conf:1: .*that of 0.1"),
        ("own incoming", r"extensions_custom.conf:1: \[from-pstn-pbxbilling\] is there already"),
        ("globals by hand", r"globals_custom.conf:1: PBXBILLING_HOOK is 10.0.0.1:4590 and stays"),
        ("own journal", r"cel_general_custom.conf:1: the journal is off"),
        ("excluded modules", r"take cel_custom.so out of Excluded Modules \(.*modules.conf:3\)"),
        ("modules by hand", r"add to Manually Loaded Modules: app_stack.so, .*cel_custom.so$"),
        ("own manager user", r"manager_additional.conf:1: \[pbxbilling\] is there .*channelvars"),
        ("manager off", r"manager.conf: the manager is off"),
    ],
)
def test_what_only_a_person_can_do_is_said_with_its_place(
    site: str, said: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, FREEPBX_17, SITES[site])
    assert [one for one in folder.planned().by_hand if re.search(said, one)]


def test_a_click_is_asked_for_until_the_files_show_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FREEPBX_17)
    first = folder.planned().by_hand
    assert [one for one in first if "1 without an Account Code" in one]
    assert [one for one in first if "Trunks, carrier," in one]
    assert not [one for one in first if "Trunks, carrier2," in one]
    pjsip = folder.etc / "pjsip.conf"
    text = pjsip.read_text().replace("= from-pstn\n", "= from-pstn-pbxbilling\n")
    pjsip.write_text(text.replace("[102]\n", "[102]\naccountcode = globex\n"))
    additional = folder.etc / "extensions_additional.conf"
    additional.write_text(additional.read_text() + "exten => 5,1,Set(EMERGENCYROUTE=YES)\n")
    assert not [one for one in folder.planned().by_hand if "Trunks" in one or "Code" in one]
    assert not [one for one in folder.planned().by_hand if "Emergency" in one or "Apply" in one]


def test_a_trunk_with_a_context_of_its_own_keeps_where_its_calls_go(tmp_path: Path) -> None:
    old = {"sip.conf": "[carrier]\ntype = peer\nhost = 192.0.2.1\ncontext = from-trunk-mine\n"}
    more = {**old, "globals_custom.conf": "OUT_9 = SIP/carrier\n"}
    (said,) = [
        one for one in folder_of(tmp_path, FREEPBX_17, more).planned().by_hand if "PEER" in one
    ]
    assert "in place of from-trunk-mine; and from-trunk-mine for from-pstn in" in said


def test_what_freepbx_reads_within_a_section_is_put_before_the_sites_own_sections(
    tmp_path: Path,
) -> None:
    own = {"cel_general_custom.conf": "[manager]\nenabled=yes\n"}
    folder = folder_of(tmp_path, FREEPBX_17, own)
    folder.write(folder.planned())
    assert read(folder.etc, "cel.conf").get("general", "dateformat") == "%s.%6q"


def test_channel_variables_of_the_site_are_kept_beside_ours(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FREEPBX_17, SITES["own channelvars"])
    folder.write(folder.planned())
    variables = read(folder.etc, "manager.conf").get("general", "channelvars")
    assert variables == "MINE,OTHER,PBXBILLING"


def test_the_port_of_freepbx_own_server_is_not_taken(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FREEPBX_17)
    with pytest.raises(SetupError, match="port 4573 is that of the AGI server of freepbx"):
        folder.planned(hook="127.0.0.1:4573")
    (config,) = [one for one in folder.planned().changes if one.path == folder.config]
    assert 'listen = "127.0.0.1:4590"' in config.after


def test_an_asterisk_in_a_container_makes_no_folder_here(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FREEPBX_17, command="docker exec pbx asterisk")
    planned = folder.planned(hook="172.17.0.1:4590")
    assert planned.folders == []
    assert [one for one in planned.by_hand if "--journal" in one and "cel-custom" in one]
    assert [one for one in planned.by_hand if "crosses a network (172.17.0.1)" in one]
    user = folder.after(planned, "manager_pbxbilling.conf")
    assert re.findall(r"(?m)^permit = (.*)$", user) == ["127.0.0.0/255.0.0.0", "172.17.0.1"]


def test_a_wrong_guess_is_corrected(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, FREEPBX_17)
    assert folder.planned(kind=Kind.PLAIN).site.kind is Kind.PLAIN
