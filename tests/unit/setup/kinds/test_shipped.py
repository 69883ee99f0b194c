"""The shipped subroutine says nothing twice in two ways: what is written twice is the same."""

from __future__ import annotations

import re

from pbxbilling.setup.kinds import shipped

STEPS = [
    line.split(",", 1)[1]
    for line in shipped.text(shipped.SUBROUTINE).splitlines()
    if re.match(r" same => n|exten => ", line)
]
CHARACTER = r"((?:\\+x[0-9a-f]{2})+)"


def _all(pattern: str) -> list[str]:
    return [found for step in STEPS for found in re.findall(pattern, step)]


def test_both_daemons_are_asked_the_same() -> None:
    first, second = _all(r"^AGI\(agi://[^/]*/(.*)")
    assert first == second


def test_a_number_is_cleaned_of_what_makes_it_unusual_and_of_nothing_else() -> None:
    (noticed,) = _all(rf"FIELDQTY\(REPLACE\(ARG3,{CHARACTER},\|\),\|\)")
    (replaced,) = _all(rf"^Set\(ARG3=\$\{{REPLACE\(ARG3,{CHARACTER},_\)\}}\)")
    assert set(noticed.split("\\\\\\\\")) == set(replaced.split("\\\\"))


def test_a_limit_comes_back_in_the_same_way_wherever_it_does() -> None:
    restored = [step for step in STEPS if step.startswith("ExecIf($[${TIMEOUT(absolute)}")]
    assert len(restored) == 2
    assert len(set(restored)) == 1


def test_all_modules_of_the_functions_and_applications_are_named() -> None:
    text = " ".join(STEPS)
    used = {name for name in MODULES if re.search(rf"\b{name}\(", text)}
    assert used == set(MODULES)
    assert {MODULES[name] for name in used} == set(shipped.modules())


MODULES = {
    "Gosub": "app_stack",
    "TryExec": "app_exec",
    "CELGenUserEvent": "app_celgenuserevent",
    "Playback": "app_playback",
    "CALLERID": "func_callerid",
    "CDR": "func_cdr",
    "AST_CONFIG": "func_config",
    "CHANNEL": "func_channel",
    "CUT": "func_cut",
    "GROUP_COUNT": "func_groupcount",
    "LOCK": "func_lock",
    "IF": "func_logic",
    "REPLACE": "func_strings",
    "TIMEOUT": "func_timeout",
    "AGI": "res_agi",
}
