"""What is printed for a PBX on another machine is complete, and lets nobody but the daemon in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from pbxbilling.setup.elsewhere import Elsewhere, Form, Put, Sheet, elsewhere, form_of
from pbxbilling.setup.files.backup import SetupError
from pbxbilling.setup.sheets import by_hand, sheets

FORMS = pytest.mark.parametrize("form", Form)


def there_of(
    form: Form, config: Path, hook: str = "10.0.0.5:4590", host: str = "10.0.0.9"
) -> Elsewhere:
    return elsewhere(form, config / "pbxbilling.toml", "pbx1", hook=hook, host=host)


def named(there: Elsewhere, end: str) -> str:
    """Return the text of all sheets whose name ends so."""
    return "".join(sheet.text for sheet in sheets(there) if sheet.name.endswith(end))


def everything(there: Elsewhere) -> str:
    return "".join(sheet.text for sheet in sheets(there))


@FORMS
def test_nothing_is_left_to_fill_in_but_the_sites_own_names(form: Form, tmp_path: Path) -> None:
    text = everything(there_of(form, tmp_path))
    assert not re.search(r"@[A-Z]+@|\bSECRET\b|PBX_ADDRESS", text)


@FORMS
def test_the_manager_lets_the_daemon_in_and_nobody_else_and_over_tls(
    form: Form, tmp_path: Path
) -> None:
    there = there_of(form, tmp_path)
    text = everything(there)
    assert re.findall(r"(?m)^permit = (.*)$", text) == ["10.0.0.5"]
    assert "deny = 0.0.0.0/0.0.0.0" in text
    assert "tlsbindaddr = 10.0.0.9:5039" in text
    assert f"secret = {there.secret}" in text
    assert len(there.secret) == len(there.token) == 40


@FORMS
def test_the_hook_bears_the_token_that_the_daemon_has(form: Form, tmp_path: Path) -> None:
    there = there_of(form, tmp_path)
    text = everything(there)
    assert f"PBXBILLING_TOKEN={there.token}" in text
    assert "PBXBILLING_HOOK=10.0.0.5:4590" in text
    assert named(there, "hook.token") == f"{there.token}\n"
    assert named(there, "ami.secret") == f"{there.secret}\n"
    config = tomllib.loads(named(there, "pbxbilling.toml"))
    assert config["agi"] == {
        "listen": "10.0.0.5:4590",
        "allow": ["10.0.0.9/32", "10.0.0.5/32", "127.0.0.0/8"],
        "token_file": "hook.token",
    }
    (pbx,) = config["pbx"]
    assert (pbx["host"], pbx["port"], pbx["tls"]) == ("10.0.0.9", 5039, True)


@FORMS
def test_ipv6_lets_in_the_daemon_alone_too(form: Form, tmp_path: Path) -> None:
    there = there_of(form, tmp_path, hook="[fd00::5]:4590", host="fd00::9")
    text = everything(there)
    assert re.findall(r"(?m)^(deny|permit) = (.*)$", text) == [
        ("deny", "0.0.0.0/0.0.0.0"),
        ("deny", "::/0"),
        ("permit", "fd00::5"),
    ]
    assert "tlsbindaddr = [fd00::9]:5039" in text
    config = tomllib.loads(named(there, "pbxbilling.toml"))
    assert config["agi"]["allow"] == ["fd00::9/128", "fd00::5/128", "127.0.0.0/8"]


@FORMS
def test_secrets_that_are_kept_already_are_printed_again(form: Form, tmp_path: Path) -> None:
    (tmp_path / "ami.secret").write_text("kept-secret\n")
    (tmp_path / "hook.token").write_text("kept-token\n")
    there = there_of(form, tmp_path)
    assert (there.secret, there.token) == ("kept-secret", "kept-token")


@pytest.mark.parametrize("hook", ["", "daemon:4590", "10.0.0.5", "10.0.0.5:", ":4590", "[x]:1"])
def test_the_daemons_address_must_be_one(hook: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="needs --hook ADDRESS:PORT"):
        there_of(Form.PLAIN, tmp_path, hook=hook)


@pytest.mark.parametrize("form", [Form.WAZO, Form.MIKOPBX])
def test_channel_variables_of_a_pbx_that_needs_its_own_are_not_replaced(
    form: Form, tmp_path: Path
) -> None:
    there = there_of(form, tmp_path)
    assert not re.search(r"(?m)^channelvars", everything(there))
    assert any(one.startswith("channelvars: add PBXBILLING") for one in by_hand(there))


@pytest.mark.parametrize("form", [Form.FREEPBX16, Form.FREEPBX17])
def test_for_freepbx_only_custom_files_are_added_to(form: Form, tmp_path: Path) -> None:
    for sheet in sheets(there_of(form, tmp_path)):
        if sheet.put is Put.APPEND and sheet.name.startswith("/etc/asterisk"):
            assert sheet.name.endswith("_custom.conf")
    end = "MacroExit()" if form is Form.FREEPBX16 else "Return()"
    assert named(there_of(form, tmp_path), "extensions_custom.conf").rstrip().endswith(end)


def test_a_sheet_says_what_to_do_with_it() -> None:
    assert Sheet("a", Put.COPY, "", "mode 0600").how == "a new file; mode 0600"
    assert Sheet("a", Put.APPEND, "").how == "add at the end"


def test_forms_are_named_as_they_are_listed() -> None:
    assert form_of("wazo") is Form.WAZO
    with pytest.raises(SetupError, match="expected one of plain, freepbx17, freepbx16"):
        form_of("freepbx")
