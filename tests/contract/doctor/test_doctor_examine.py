"""Every check runs, whatever else fails."""

from __future__ import annotations

from pathlib import Path

from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.examine import examine
from pbxbilling.runtime.clock import SystemClock
from rig.site import free_port
from rig.virtualpbx import VirtualPbx


async def examined(directory: Path, text: str) -> dict[tuple[str, str], Check]:
    path = directory / "pbxbilling.toml"
    path.write_text(text)
    checks = await examine(path, {}, SystemClock())
    return {(check.subject, check.name): check for check in checks}


def base(directory: Path) -> str:
    return (
        f'[database]\nurl = "sqlite:///{directory}/a.db"\n'
        f'[agi]\nlisten = "127.0.0.1:{free_port()}"\n'
    )


def pbx(name: str, port: int, more: str = "") -> str:
    return (
        f'[[pbx]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nusername = "pbxbilling"\n'
        f'secret = "secret"\ntrunks = ["PJSIP/carrier"]\n{more}'
    )


async def test_a_pbx_that_is_away_keeps_no_other_check_from_being_made(tmp_path: Path) -> None:
    away = pbx("away", free_port(), f'cel_csv = "{tmp_path}/none/cel.csv"\n')
    async with VirtualPbx() as there:
        found = await examined(tmp_path, base(tmp_path) + away + pbx("there", there.port))
    assert found["there", "login"].result is Result.OK
    assert found["there", "trunk PJSIP/carrier"].result is Result.OK
    assert found["away", "login"].result is Result.FAIL
    assert found["away", "journal"].result is Result.FAIL
    assert found["hook", "round trip"].result is Result.FAIL
    assert found["database", "schema"].result is Result.WARN
    assert all(check.mend for check in found.values() if check.result is not Result.OK)


async def test_each_fault_of_the_configuration_is_reported_and_nothing_else(tmp_path: Path) -> None:
    found = await examined(tmp_path, 'mode = "on"\nwhat = 1\n')
    assert {check.result for check in found.values()} == {Result.FAIL}
    assert {subject for subject, _ in found} == {"configuration"}


async def test_what_is_probably_not_meant_is_a_warning(tmp_path: Path) -> None:
    assert (await examined(tmp_path, base(tmp_path)))[
        "configuration", "meaning"
    ].result is Result.WARN
