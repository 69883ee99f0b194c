"""What a plain site gets beside the hooks: its files in the spellings that sites have."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.setup.conf.reader import Conf, read
from pbxbilling.setup.files.backup import SetupError
from tests.support.setup.plain import PlainSite

EXTENSIONS = "[x]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@carrier)\n"


def after(folder: Path, **files: str) -> PlainSite:
    """Set up a site with these files, twice; the second run changes nothing."""
    named = {name.replace("__", "/") + ".conf": text for name, text in files.items()}
    site = PlainSite.of(folder, {"extensions.conf": EXTENSIONS, **named})
    site.set_up()
    assert [change.shown() for change in site.plan().changes] == []
    return site


def cel_of(site: PlainSite) -> Conf:
    return read(site.etc, "cel.conf")


MANAGERS = {
    "none": ("", ("yes", "127.0.0.1", "5038")),
    "off": ("[general]\nenabled = no ; off\n", ("yes", "127.0.0.1", None)),
    "everywhere": ("[general]\nenabled=yes\nbindaddr = 0.0.0.0\n", ("yes", "0.0.0.0", None)),
    "in parts": ("[general]\n[general](+)\nenabled=no\nport=5039\n", ("yes", "127.0.0.1", "5039")),
    "the second counts for nothing": (
        "[general]\nenabled=no\n[x]\nsecret=y\n[general]\nenabled=yes\nport=7\n",
        ("yes", "127.0.0.1", None),
    ),
    "from a template": ("[t](!)\nenabled=no\n[general](t)\n", ("yes", "127.0.0.1", None)),
    "debian": ('[general]\nenabled=yes\n#include "manager.d/*.conf"\n', ("yes", None, None)),
}


@pytest.mark.parametrize("name", MANAGERS)
def test_the_manager(name: str, tmp_path: Path) -> None:
    text, (enabled, bindaddr, port) = MANAGERS[name]
    site = after(tmp_path, manager=text, manager__d__x="; empty", **{"manager.d__x": ""})
    conf = read(site.etc, "manager.conf")
    first = conf.first("general")
    assert conf.refused == []
    assert first is not None
    values = conf.effective(first)
    assert (values["enabled"], values.get("bindaddr")) == (enabled, bindaddr)
    assert values.get("port") in {port, None}
    assert values["channelvars"] == "PBXBILLING"
    assert len(conf.get("pbxbilling", "secret") or "") == 40


CELS = {
    "none": "",
    "comments": "[general]\n;enable=yes\n",
    "off": "[general]\nenable = no ; never\napps=dial\n\n[manager]\nenabled=yes\n",
    "all": "[general]\nenable=yes\nevents = ALL\n",
    "some, twice": "[general]\nenable=on\nevents=CHAN_START , answer\nevents=HANGUP\n",
    "two sections": "[general]\nenable=yes\n[general]\nenable=no\nevents=ANSWER\n",
    "its own form": "[general]\nenable=yes\ndateformat=%F %T\n",
    "included": "#include cel_general.conf\n",
}


@pytest.mark.parametrize("name", CELS)
def test_the_journals_events(name: str, tmp_path: Path) -> None:
    conf = cel_of(after(tmp_path, cel=CELS[name], cel_general="[general]\nenable=no\n"))
    events = {
        word.strip().upper()
        for section in conf.named("general")
        for line in section.lines
        if line.name == "events"
        for word in line.value.split(",")
    }
    wanted = {"CHAN_START", "ANSWER", "HANGUP", "LINKEDID_END", "USER_DEFINED"}
    assert wanted <= events or "ALL" in events
    assert (conf.get("general", "enable") or "").lower() in {"yes", "on"}
    assert conf.get("general", "dateformat") == ("%F %T" if name == "its own form" else "%s.%6q")


@pytest.mark.parametrize(
    "text", ["", ";[mappings]\n", "[mappings]\n", "[mappings]\na.csv => x\n[other]\nb=1\n"]
)
def test_the_journals_columns(text: str, tmp_path: Path) -> None:
    conf = read(after(tmp_path, cel_custom=text).etc, "cel_custom.conf")
    (mappings,) = conf.named("mappings")
    assert mappings.value("pbxbilling.csv") is not None


@pytest.mark.parametrize(
    ("text", "loaded", "missing"),
    [
        ("[modules]\nautoload=yes\n", set(), set()),
        ("[modules]\nautoload = yes\nnoload => cel_custom.so\n", {"cel_custom"}, set()),
        ("[modules]\nautoload=no\nrequire = res_agi.so\n", {"res_speech"}, {"res_agi"}),
        ("[modules]\nautoload=no\npreload = func_lock.so\n", {"res_agi"}, {"func_lock"}),
        ("[modules]\nautoload=no\nnoload = res_speech.so\n[modules]\n", {"res_speech"}, set()),
        ("[global]\n", set(), {"res_agi"}),
    ],
)
def test_modules(text: str, loaded: set[str], missing: set[str], tmp_path: Path) -> None:
    conf = read(after(tmp_path, modules=text).etc, "modules.conf")
    first = conf.first("modules")
    lines = first.values if first else []
    loads = {line.value.removesuffix(".so") for line in lines if line.name == "load"}
    assert loaded <= loads
    assert not missing & loads
    assert not [line for line in lines if line.name == "noload"]


def test_a_module_that_is_not_on_disk_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "res_agi.so").touch()
    asterisk = f"[directories](!)\nastmoddir => {folder}\n".replace("(!)", "")
    files = {"asterisk.conf": asterisk, "modules.conf": "[modules]\nautoload=no\n"}
    site = PlainSite.of(tmp_path, {"extensions.conf": EXTENSIONS, **files})
    planned = site.set_up()
    said = [one for one in planned.by_hand if "asterisk-modules" in one]
    assert any(f"{folder}/app_celgenuserevent.so is not there" in one for one in said)
    assert not any("res_agi" in one or "res_cdrel_custom" in one for one in said)
    text = site.text("modules.conf")
    assert "load = res_agi.so" in text
    assert "app_celgenuserevent" not in text


@pytest.mark.parametrize(
    "fault", ["#include nothing.conf\n", "[y](nobody)\n", "#include extensions.conf\n"]
)
def test_a_file_that_asterisk_refuses_is_corrected_first(fault: str, tmp_path: Path) -> None:
    site = PlainSite.of(tmp_path, {"extensions.conf": f"{EXTENSIONS}{fault}"})
    with pytest.raises(SetupError, match=r"extensions\.conf:3: .*: correct it first"):
        site.plan()


def test_what_is_not_reached_is_said(tmp_path: Path) -> None:
    files = {
        "extensions.conf": f"{EXTENSIONS}[y]\nswitch => Realtime/y@x\n",
        "extensions.ael": "context z { _X. => Dial(PJSIP/${EXTEN}@carrier); }\n",
        "extensions.lua": "-- nothing of ours\n",
        "extconfig.conf": "[settings]\nps_endpoints => odbc,asterisk\nvoicemail => odbc,x\n",
        "pjsip.conf": "[carrier]\ntype=endpoint\n[anonymous]\ntype=endpoint\ncontext=in\n"
        "[silent]\ntype=endpoint\n[still]\ntype=endpoint\n",
    }
    said = "\n".join(PlainSite.of(tmp_path, files).plan().by_hand)
    for words in (
        *("extensions.ael: not read", "switch => Realtime/y@x", "ps_endpoints is in a database"),
        *("callers that nobody knows go to in", "no password, and never called"),
    ):
        assert words in said
    (line,) = [line for line in said.splitlines() if "no password" in line]
    pjsip = tmp_path / "pjsip.conf"
    assert f": PJSIP/silent ({pjsip}:6), PJSIP/still ({pjsip}:8): " in line
    assert "extensions.lua" not in said
    assert "voicemail" not in said


DOORS = {
    "own line": ("[carrier]\ntype=endpoint\ncontext = in ; c\n", "context = pbxbilling-in ; c"),
    "a template": ("[t](!)\ncontext=in\n[carrier](t)\ntype=endpoint\n", "(t)\ncontext = pbx"),
    "an addition": ("[carrier]\ntype=endpoint\n[carrier](+)\ncontext=in\n", "t=pbxbilling-in"),
    "none": ("[carrier]\ntype=endpoint\n", "[carrier]\ncontext = pbxbilling-default\n"),
}


@pytest.mark.parametrize("name", DOORS)
def test_the_trunks_context(name: str, tmp_path: Path) -> None:
    text, expected = DOORS[name]
    site = after(tmp_path, pjsip=text)
    assert expected in site.text("pjsip.conf")
    context = "default" if name == "none" else "in"
    ours = site.dialplan().contexts[f"pbxbilling-{context}"]
    assert ours.includes == [context]
    assert list(ours.extens()) == ["_[+*#0-9]!"]
