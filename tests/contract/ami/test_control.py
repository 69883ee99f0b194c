"""Requests to a PBX, over real sockets."""

import asyncio

import pytest

from pbxbilling.calls.live.signals import BridgeEnter, Rename, Signal
from rig.virtualpbx import VirtualPbx
from tests.support.ami.links import linked


async def test_a_snapshot_of_ten_thousand_channels_is_complete() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port, list_s=30) as made:
        pbx.populate(10_000)
        snapshot = await made.control.snapshot()
        assert (snapshot.complete, len(snapshot.rows), snapshot.problem) == (True, 10_000, "")
        assert snapshot.rows[0].name == "PJSIP/carrier-00000000"
        assert snapshot.rows[0].application == "AppDial"
        assert made.link.connected


async def test_an_empty_pbx_has_an_empty_complete_snapshot() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        snapshot = await made.control.snapshot()
        assert (snapshot.complete, snapshot.rows) == (True, ())


@pytest.mark.parametrize("off_by", [-1, 1])
async def test_rows_that_are_not_as_many_as_announced_are_no_complete_snapshot(off_by: int) -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.populate(3)
        pbx.faults.wrong_list_items = off_by
        snapshot = await made.control.snapshot()
        assert not snapshot.complete
        assert snapshot.problem.startswith(f"3 rows of {3 + off_by}")


async def test_a_list_cut_short_ends_by_its_deadline_and_is_not_complete() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port, list_s=0.1) as made:
        pbx.populate(5)
        pbx.faults.cut_list_after = 2
        snapshot = await made.control.snapshot()
        assert (snapshot.complete, snapshot.rows) == (False, ())
        assert "within 0.1 s" in snapshot.problem


async def test_a_list_whose_link_falls_is_not_complete() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.faults.cut_list_after = 0
        asked = asyncio.create_task(made.control.snapshot())
        await pbx.manager.until_asked("CoreShowChannels")
        await pbx.manager.drop()
        assert not (await asked).complete


async def test_a_row_that_makes_no_channel_spoils_the_snapshot() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.populate(2)
        pbx.channels()[0].uniqueid = ""
        assert not (await made.control.snapshot()).complete
        assert made.witness.said("unmapped") == [("unmapped", "pbx1", "CoreShowChannel")]


async def test_a_snapshot_returns_before_any_later_event_is_told() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.populate(500)
        told: list[object] = []

        def note(signal: Signal) -> None:
            told.append(type(signal))

        async def take() -> None:
            told.append((await made.control.snapshot()).complete)

        made.witness.on_signal = note
        taking = asyncio.create_task(take())
        await pbx.manager.until_asked("CoreShowChannels")
        pbx.emit("Rename", "Channel: x\r\nNewname: y\r\nUniqueid: 1.1\r\n")
        await taking
        await made.witness.until(lambda: len(told) == 2)
        assert told == [True, Rename]


async def test_a_channel_exists_by_its_name_or_uniqueid_until_it_is_gone() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.populate(1)
        (channel,) = pbx.channels()
        assert await made.control.channel_exists(channel.name) is True
        assert await made.control.channel_exists(channel.uniqueid) is True
        assert await made.control.channel_exists("PJSIP/gone-1") is False
        pbx.faults.silent = True
        await pbx.manager.drop()
        assert await made.control.channel_exists(channel.name) is None


async def test_an_absolute_timeout_ends_the_call() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        calling = asyncio.create_task(pbx.call("acme", "3201", ring_s=0, talk_s=60))
        await made.witness.until(lambda: BridgeEnter in map(type, made.witness.signals))
        trunk = pbx.channels()[1].uniqueid
        assert await made.control.absolute_timeout(trunk, 0) is True
        placed = await calling
        assert placed.trunk == trunk
        assert placed.talked_s < 30
        assert await made.control.absolute_timeout(trunk, 1) is False
