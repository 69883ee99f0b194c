"""A session with a manager: missing answers are None, and a missing session has a reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pbxbilling.doctor.manager import PbxReport, UnreachableError, interview
from pbxbilling.runtime.clock import SystemClock
from rig.site import free_port
from rig.virtualpbx import VirtualPbx
from rig.waiting import patience_s
from tests.support.ami.links import QUICK


async def interviewed(port: int, **settings: object) -> PbxReport:
    async with asyncio.timeout(patience_s(10)):
        link = replace(QUICK, port=port, **settings)  # type: ignore[arg-type]
        return await interview(link, ("PJSIP/carrier", "PJSIP/*", "IAX2/a"), SystemClock(), 0.0)


async def test_it_reads_the_answers_of_a_pbx_and_marks_missing_ones() -> None:
    async with VirtualPbx() as pbx:
        report = await interviewed(pbx.port)
    assert (report.version, report.channels) == ("22.10.0-virtual", ())
    assert report.endpoints == ("PJSIP/carrier",)
    assert report.trunks == {"PJSIP/carrier": True}
    assert report.ahead_s is not None
    assert abs(report.ahead_s) < patience_s(1)
    assert (report.actions, report.subroutine, report.stamped) == (None, None, None)
    assert report.globals == ("", "", "")


async def test_an_event_that_goes_by_ends_the_listening() -> None:
    async with VirtualPbx() as pbx, asyncio.timeout(patience_s(10)), asyncio.TaskGroup() as tasks:
        link = replace(QUICK, port=pbx.port)
        asked = tasks.create_task(interview(link, (), SystemClock(), 3600.0))
        await pbx.manager.until_asked("CoreShowChannels")
        pbx.emit("Rename", "Channel: x\r\nNewname: y\r\nUniqueid: 1.1\r\n")
    assert (asked.result().stamped, asked.result().changed) == (True, False)


async def test_a_refused_login_differs_from_an_unreachable_pbx() -> None:
    async with VirtualPbx() as pbx:
        with pytest.raises(UnreachableError, match="Authentication failed") as refused:
            await interviewed(pbx.port, secret="guessed")
    assert refused.value.refused
    with pytest.raises(UnreachableError, match=r"port in manager\.conf") as away:
        await interviewed(free_port())
    assert not away.value.refused


async def test_a_manager_that_says_nothing_is_given_up_in_time() -> None:
    async with VirtualPbx() as pbx:
        pbx.faults.silent = True
        with pytest.raises(UnreachableError, match=r"within 0\.1 s"):
            await interviewed(pbx.port, login_s=0.1)


async def test_it_changes_nothing_and_leaves() -> None:
    async with VirtualPbx() as pbx:
        await interviewed(pbx.port)
        asked = {headers["Action"] for headers in pbx.manager.actions}
    assert asked <= {
        "Challenge", "Login", "Ping", "CoreSettings", "CoreStatus", "ListCommands",
        "DeviceStateList", "CoreShowChannels", "ShowDialPlan", "Getvar",
    }  # fmt: skip
