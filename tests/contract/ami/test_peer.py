"""An independent client against the virtual PBX, which is a manager to others, too."""

import asyncio

from panoramisk import Manager
from panoramisk.message import Message

from pbxbilling.calls.live.signals import Hangup, Newchannel
from rig.virtualpbx import VirtualPbx
from rig.waiting import patience_s
from tests.support.ami.links import Linked, linked


async def test_panoramisk_and_the_link_see_the_same_call() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        heard: list[str] = []
        gone = asyncio.Event()

        def hear(_: Manager, message: Message) -> None:
            heard.append(f"{message.event} {message.uniqueid or message.destuniqueid}")
            if message.event == "Hangup":
                gone.set()

        peer = Manager(
            loop=asyncio.get_running_loop(),
            host="127.0.0.1",
            port=pbx.port,
            username="pbxbilling",
            secret="secret",
        )
        for event in ("Newchannel", "Hangup"):
            peer.register_event(event, hear)
        try:
            await peer.connect()
            pbx.populate(3)
            listed = await peer.send_action({"Action": "CoreShowChannels"})
            snapshot = await made.control.snapshot()
            assert [row.uniqueid for row in listed if row.event == "CoreShowChannel"] == [
                row.key.uniqueid for row in snapshot.rows
            ]
            placed = await pbx.call("acme", "3201", ring_s=0, talk_s=0)
            async with asyncio.timeout(patience_s(5)):
                while f"Hangup {placed.uniqueid}" not in heard:
                    gone.clear()
                    await gone.wait()
        finally:
            peer.close()
        await made.witness.until(lambda: f"Hangup {placed.uniqueid}" in _births_and_deaths(made))
        assert heard == _births_and_deaths(made)


def _births_and_deaths(made: Linked) -> list[str]:
    lines = []
    for signal in made.witness.signals:
        if isinstance(signal, Newchannel):
            lines.append(f"Newchannel {signal.channel.key.uniqueid}")
        elif isinstance(signal, Hangup):
            lines.append(f"Hangup {signal.key.uniqueid}")
    return lines
