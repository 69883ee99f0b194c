"""What Asterisk prints about its release and modules, on 16 and 22."""

from __future__ import annotations

import pytest

from pbxbilling.setup.pbx.console import ConsoleError
from tests.support.setup.sites import ScriptedConsole

MODULES = """\
Module                         Description                              Use Count  Status      Support Level
acl                            Named ACL system                         2          Running              core
app_dial.so                    Dialing Application                      0          Running              core
app_queue.so                   True Call Queueing                       0          Not Running          core
app_x.so                       Running Man                              0          Not Running      extended
res_agi.so                     Asterisk Gateway Interface (AGI)         0          Running              core
5 modules loaded
"""  # noqa: E501 - as it is printed


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17-1 built by nobody @ buildd.debian.org", 22),
        ("Asterisk 16.28.0~dfsg-0+deb11u4 built by nobody", 16),
        ("Asterisk certified/18.9-cert4 built by root", 18),
        ("Asterisk certified-20.7-cert1 built by root", 20),
        ("Asterisk GIT-22-1a2b3c4 built by root", 22),
    ],
)
def test_the_release(said: str, release: int) -> None:
    assert ScriptedConsole(answers={"core show version": said}).release() == release


def test_the_release_by_the_settings_where_there_is_no_other() -> None:
    answers = {
        "core show version": "No such command 'core show version' (type 'core show help')",
        "core show settings": "\nPBX Core settings\n---\n  Version:             22.10.1+d\n",
    }
    assert ScriptedConsole(answers=answers).release() == 22
    with pytest.raises(ConsoleError, match="does not name its version"):
        ScriptedConsole(answers=dict.fromkeys(answers, "No such command")).release()


def test_modules_that_do_not_run() -> None:
    console = ScriptedConsole(answers={"module show": MODULES})
    wanted = ["acl", "app_dial", "app_queue", "app_x", "res_agi", "cel_custom"]
    assert console.idle_modules(wanted) == ["app_queue", "app_x", "cel_custom"]
