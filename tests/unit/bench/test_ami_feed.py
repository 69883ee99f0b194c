"""The readers that the bench compares log in to its feed, and hear the events of a tape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from bench.ami_feed import Feed
from bench.ami_readers import read_dicts, read_ours, read_panoramisk
from rig.waiting import patience_s

EVENT = b"Event: Newchannel\r\nChannel: PJSIP/acme-00000001\r\nUniqueid: 1.1\r\n\r\n"


@pytest.mark.parametrize("read", [read_ours, read_dicts, read_panoramisk])
async def test_a_reader_logs_in_and_hears_the_tape(
    read: Callable[[int], Coroutine[None, None, None]], capsys: pytest.CaptureFixture[str]
) -> None:
    async with asyncio.timeout(patience_s(20)), Feed([EVENT]) as feed:
        reading = asyncio.create_task(read(feed.port))
        await feed.ready()
        for _ in range(3):
            await feed.play()
            while "done" not in capsys.readouterr().out:
                assert not reading.done()
                await asyncio.sleep(0.01)
        reading.cancel()
