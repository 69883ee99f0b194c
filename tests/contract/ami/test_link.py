"""The link against the virtual PBX, over real sockets."""

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from pbxbilling.ami.actions import ActionError, LinkError
from pbxbilling.calls.live.signals import FullyBooted, Hangup, Newchannel, Newstate, Rename, Signal
from rig.virtualpbx import VirtualPbx
from rig.waiting import patience_s
from tests.support.ami.links import linked


def rename(i: int) -> str:
    return f"Channel: x\r\nNewname: {i}\r\nUniqueid: 1.1\r\n"


def names(signals: list[Signal]) -> list[str]:
    return [signal.name for signal in signals if isinstance(signal, Rename)]


async def test_a_login_ends_with_the_uptime_and_events_follow() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        assert made.witness.signals == [FullyBooted("pbx1", 0.0)]
        assert made.witness.log == [("connected", "pbx1", 0.0)]
        assert made.link.heard_s is not None
        placed = await pbx.call("acme", "3201", ring_s=0, talk_s=0, fork=2)
        await made.witness.until(lambda: len(made.witness.signals) == 17)
        kinds = [type(signal).__name__ for signal in made.witness.signals[1:]]
    assert kinds == [
        *("Newchannel", "Newchannel", "AccountCode", "Newchannel", "AccountCode"),
        *("DialBegin", "DialBegin", "Newstate", "Newstate", "Hangup"),
        *("BridgeEnter", "BridgeEnter", "HangupRequest", "HangupRequest", "Hangup", "Hangup"),
    ]
    first = made.witness.signals[1]
    assert isinstance(first, Newchannel)
    assert (first.channel.key.uniqueid, first.at is not None) == (placed.uniqueid, True)


async def test_what_follows_a_snapshot_waits_until_it_is_taken_in() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.populate(1)
        assert (await made.control.snapshot()).complete
        with made.link.held():
            for i in range(3000):  # more than the backlog takes before it stops reading
                pbx.emit("Rename", rename(i))
            for _ in range(1000):  # turns enough for all of them to arrive
                await asyncio.sleep(0)
            assert names(made.witness.signals) == []
        await made.witness.until(lambda: len(made.witness.signals) == 3001)
        assert names(made.witness.signals) == [str(i) for i in range(3000)]


async def test_a_snapshot_is_asked_for_at_an_instant_of_the_pbx_own_clock() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        snapshot = await made.control.snapshot()
        assert ("clock_reported", "pbx1", snapshot.asked_at) in made.witness.log
        made.control.stamped = False  # its events use our clock, so this must, too
        later = await made.control.snapshot()
        assert ("clock_reported", "pbx1", later.asked_at) not in made.witness.log


async def test_a_link_that_falls_while_it_is_held_is_told_afterwards() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        with made.link.held():
            pbx.emit("Rename", rename(7))
            await pbx.manager.drop()
            assert made.witness.said("disconnected") == []
        await made.witness.until(lambda: len(made.witness.said("connected")) == 2)
        assert names(made.witness.signals) == ["7"]


def test_the_link_lives_on_uvloop_too() -> None:
    async def call() -> None:
        async with VirtualPbx() as pbx, linked(pbx.port) as made:
            pbx.populate(2000)
            assert (await made.control.snapshot()).complete
            for i in range(3000):
                pbx.emit("Rename", rename(i))
            await made.witness.until(lambda: len(made.witness.signals) == 3001)
            await pbx.manager.drop()
            await made.witness.until(lambda: len(made.witness.said("connected")) == 2)

    uvloop.run(call())


async def test_a_wrong_secret_is_reported_once_and_not_retried_at_once() -> None:
    async with (
        VirtualPbx(login_delay_s=0) as pbx,
        linked(pbx.port, wait=False, secret="wrong") as made,
    ):
        await made.witness.until(lambda: bool(made.witness.said("login_failed")))
        await asyncio.sleep(0.3)  # three of the longest pauses after other faults
        assert pbx.manager.logins == 1
        assert "Authentication failed: check secret and permit" in str(made.witness.log[0][2])
        assert "wrong" not in str(made.witness.log)


async def test_a_corrected_secret_is_tried_at_once_and_an_unchanged_one_is_not() -> None:
    async with (
        VirtualPbx(login_delay_s=0) as pbx,
        linked(pbx.port, wait=False, secret="wrong") as made,
    ):
        await made.witness.until(lambda: bool(made.witness.said("login_failed")))
        made.link.change(made.link.settings)
        await asyncio.sleep(0.1)
        assert pbx.manager.logins == 1
        made.link.change(
            type(made.link.settings)("pbx1", "127.0.0.1", "pbxbilling", "secret", port=pbx.port)
        )
        await made.witness.until(lambda: made.link.connected)
        assert pbx.manager.logins == 2


async def test_changed_settings_make_a_live_link_anew_once() -> None:
    async with VirtualPbx() as pbx, VirtualPbx() as other, linked(pbx.port) as made:
        settings = made.link.settings
        made.link.change(
            type(settings)("pbx1", "127.0.0.1", "pbxbilling", "secret", port=other.port)
        )
        await made.witness.until(lambda: len(made.witness.said("connected")) == 2)
        await asyncio.sleep(0.05)
        assert (pbx.manager.logins, other.manager.logins) == (1, 1)


async def test_a_silent_peer_is_given_up_after_the_ping() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port, ping_deadline_s=0.2) as made:
        pbx.faults.silent = True
        await made.witness.until(lambda: bool(made.witness.said("disconnected")))
        assert "no answer to Ping within 0.2 s" in str(made.witness.log[-1][2])
        assert not made.link.connected
        pbx.faults.silent = False
        await made.witness.until(lambda: made.link.connected)


async def test_a_peer_that_never_greets_is_given_up() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        async with linked(mute.getsockname()[1], wait=False, login_s=0.1) as made:
            await made.witness.until(lambda: bool(made.witness.log))
            assert "no banner within 0.1 s" in str(made.witness.log[0][2])


async def test_an_accepted_connection_is_no_proof_of_life_of_the_pbx() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port, ping_deadline_s=0.2) as made:
        pbx.faults.silent = True
        pbx.faults.banner = b"SSH-2.0-OpenSSH_9.2\r\n"
        await made.witness.until(lambda: len(made.witness.said("disconnected")) == 1)
        heard_s = made.link.heard_s
        await made.witness.until(lambda: len(made.witness.said("disconnected")) == 3)
        assert made.link.heard_s == heard_s is not None


async def test_what_is_no_manager_port_is_called_so() -> None:
    async with VirtualPbx() as pbx:
        pbx.faults.banner = b"SSH-2.0-OpenSSH_9.2\r\n"
        async with linked(pbx.port, wait=False) as made:
            await made.witness.until(lambda: bool(made.witness.log))
            assert "SSH-2.0-OpenSSH_9.2" in str(made.witness.log[0][2])
            assert pbx.manager.actions == []


async def test_a_refused_connection_names_the_place_and_is_tried_again() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with linked(closed.getsockname()[1], wait=False) as made:
            await made.witness.until(lambda: len(made.witness.said("disconnected")) >= 3)
            assert "pbx1 (pbxbilling@127.0.0.1:" in str(made.witness.log[0][2])


async def test_without_fully_booted_it_is_not_connected_and_says_what_to_mend() -> None:
    async with VirtualPbx() as pbx:
        pbx.faults.not_booted = True
        async with linked(pbx.port, wait=False, boot_s=0) as made:
            await made.witness.until(lambda: bool(made.witness.said("disconnected")))
            assert "read = system,call" in str(made.witness.log[0][2])


async def test_an_asterisk_met_while_it_boots_is_connected_when_it_has_booted() -> None:
    async with VirtualPbx() as pbx:
        pbx.faults.not_booted = True
        async with linked(pbx.port, wait=False) as made:
            await pbx.manager.until_asked("Login")
            with pytest.raises(LinkError):
                await made.link.ask("CoreSettings")
            await asyncio.sleep(0.05)
            pbx.emit("FullyBooted", "Uptime: 3\r\nStatus: Fully Booted\r\n", "system,all")
            await made.witness.until(lambda: made.link.connected)
            assert made.witness.log == [("connected", "pbx1", 3.0)]


async def test_a_restarted_asterisk_shows_by_its_uptime() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        await pbx.restart()
        await made.witness.until(lambda: len(made.witness.said("connected")) == 2)
        assert [s for s in made.witness.signals if isinstance(s, FullyBooted)] == [
            FullyBooted("pbx1", 0.0)
        ] * 2


async def test_signals_keep_their_order_through_a_long_burst_and_the_loop_stays_free() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        turns = 0
        for i in range(5000):
            pbx.emit("Rename", rename(i))
        async with asyncio.timeout(patience_s(20)):
            while len(made.witness.signals) < 5001:
                turns += 1
                await asyncio.sleep(0)
        assert names(made.witness.signals) == [str(i) for i in range(5000)]
        assert turns > 5000 / 64


async def test_a_failing_sink_is_reported_and_costs_nothing_else() -> None:
    def fail(signal: Signal) -> None:
        if isinstance(signal, Rename) and signal.name == "1":
            raise ZeroDivisionError

    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        made.witness.on_signal = fail
        for i in range(3):
            pbx.emit("Rename", rename(i))
        await made.witness.until(lambda: len(names(made.witness.signals)) == 3)
        assert len(made.witness.said("sink_failed")) == 1
        assert made.link.connected


async def test_an_unmappable_event_is_counted_and_skipped() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.emit("Rename", "Channel: x\r\nNewname: y\r\nUniqueid: \r\n")
        pbx.emit("VarSet", "Variable: x\r\n")
        pbx.emit("Rename", rename(1))
        await made.witness.until(lambda: bool(names(made.witness.signals)))
        assert made.witness.log[1:] == [("unmapped", "pbx1", "Rename")]


async def test_a_message_split_by_a_callers_blank_line_is_rejoined_and_counted() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.emit("Rename", "Channel: x\r\nNewname: 7\r\n\r\nEvent: X\r\nUniqueid: 1.1\r\n")
        pbx.emit("Rename", rename(2))
        await made.witness.until(lambda: "2" in names(made.witness.signals))
        assert names(made.witness.signals) == ["7_Event: X", "2"]
        assert made.witness.said("broken") == [("broken", "pbx1", 1, 0)]


async def test_an_oversized_message_is_skipped_and_counted() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.emit("Rename", "Newname: " + "x" * (1 << 20) + "\r\nUniqueid: 1.1\r\n")
        pbx.emit("Rename", rename(2))
        await made.witness.until(lambda: bool(names(made.witness.signals)))
        assert names(made.witness.signals) == ["2"]
        assert made.witness.log[1:] == [("oversized", "pbx1", 1)]


async def test_a_character_cut_by_a_read_arrives_whole() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.faults.bytewise = True
        pbx.emit("Rename", "Channel: x\r\nNewname: PJSIP/josé☎-1\r\nUniqueid: 1.1\r\n")
        await made.witness.until(lambda: bool(names(made.witness.signals)))
        assert names(made.witness.signals) == ["PJSIP/josé☎-1"]


async def test_a_link_cut_in_a_message_drops_that_message_only() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        pbx.emit("Rename", rename(1))
        pbx.faults.close_in_message = True
        pbx.emit("Rename", rename(2))
        await made.witness.until(lambda: bool(made.witness.said("disconnected")))
        assert "closed by the PBX" in str(made.witness.said("disconnected")[0][2])
        pbx.faults.close_in_message = False
        await made.witness.until(lambda: made.link.connected)
        pbx.emit("Rename", rename(3))
        await made.witness.until(lambda: len(names(made.witness.signals)) == 2)
        assert names(made.witness.signals) == ["1", "3"]


async def test_actions_fail_when_the_link_falls_and_are_never_sent_again() -> None:
    limits: dict[str, Any] = {"ping_s": 0.01, "ping_deadline_s": 60, "action_s": 60}
    async with VirtualPbx() as pbx, linked(pbx.port, **limits) as made:
        pbx.faults.silent = True
        asked = asyncio.create_task(made.link.ask("AbsoluteTimeout", [("Channel", "x")]))
        await pbx.manager.until_asked("AbsoluteTimeout")
        await asyncio.sleep(0.05)  # by now the link itself awaits the answer to a ping
        pbx.faults.silent = False
        await pbx.manager.drop()
        with pytest.raises(LinkError):
            async with asyncio.timeout(patience_s(5)):
                await asked
        await made.witness.until(lambda: len(made.witness.said("connected")) == 2)
        await made.link.ask("CoreSettings")
        sent = [a["Action"] for a in pbx.manager.actions if a["Action"] != "Ping"]
        login = ["Challenge", "Login"]
        assert sent == [*login, "AbsoluteTimeout", *login, "CoreSettings"]


async def test_an_action_without_an_answer_fails_by_its_deadline() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port, action_s=0.05, ping_s=5) as made:
        pbx.faults.silent = True
        with pytest.raises(ActionError, match=r"no complete answer to CoreSettings within 0.05 s"):
            await made.link.ask("CoreSettings")


async def test_an_action_that_would_smuggle_another_is_not_sent() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        assert await made.control.channel_exists("x\r\nAction: Originate") is None
        assert {action["Action"] for action in pbx.manager.actions} <= {
            "Challenge",
            "Login",
            "Ping",
        }


async def test_a_newstate_up_keeps_its_microseconds() -> None:
    async with VirtualPbx() as pbx, linked(pbx.port) as made:
        await pbx.call("acme", "3201", ring_s=0, talk_s=0)
        await made.witness.until(lambda: isinstance(made.witness.signals[-1], Hangup))
        ups = [s for s in made.witness.signals if isinstance(s, Newstate) and s.channel.state == 6]
        assert [s.at is not None and s.at.tzinfo is not None for s in ups] == [True, True]
