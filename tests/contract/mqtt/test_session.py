"""A connection to a broker ends within its limits, whatever the other end does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pbxbilling.mqtt.messages import OFFLINE, ONLINE, MqttMessage
from pbxbilling.mqtt.session import BrokerError, Session
from pbxbilling.mqtt.settings import BrokerSettings
from rig.waiting import patience_s

CONNECT, CONNACK, NOT_AUTHORIZED = 0x10, b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"
SHORT_S = 0.2
LIMITS = BrokerSettings("127.0.0.1", 0, connect_s=2.0, answer_s=SHORT_S)

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def nobody() -> None:
    """Ignore that the connection is lost."""


class Counterpart:
    """A listener that plays its part with each client; `ended` is set when that one has closed."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._play(reader, writer)
            with contextlib.suppress(ConnectionError):
                while await reader.read(65_536):
                    pass
        finally:
            writer.close()
            self.ended.set()


@contextlib.asynccontextmanager
async def standing(play: Play) -> AsyncIterator[tuple[BrokerSettings, Counterpart]]:
    """Run a counterpart that plays that part; yield its address, too."""
    counterpart = Counterpart(play)
    server = await asyncio.start_server(counterpart, "127.0.0.1", 0)
    async with server:
        yield replace(LIMITS, port=server.sockets[0].getsockname()[1]), counterpart


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and send nothing."""


async def welcoming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the welcome, then nothing more; read what comes."""
    assert (await reader.read(1000))[0] == CONNECT
    writer.write(CONNACK)


async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(NOT_AUTHORIZED)


async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the welcome, and close at the first message."""
    await welcoming(reader, writer)
    await reader.read(1000)
    writer.transport.abort()


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept every message: a PUBACK for each PUBLISH of less than 128 bytes."""
    await welcoming(reader, writer)
    while (head := await reader.readexactly(2))[0] >> 4 == 3:
        body = await reader.readexactly(head[1])
        topic_ends = 2 + int.from_bytes(body[:2], "big")
        writer.write(b"\x40\x02" + body[topic_ends : topic_ends + 2])


@pytest.mark.parametrize(
    ("play", "said"),
    [(mute, "timed out"), (refusing, "Not authorized")],
)
async def test_a_broker_that_refuses_the_login_is_named_and_the_connection_closed(
    play: Play, said: str
) -> None:
    async with standing(play) as (settings, counterpart), asyncio.timeout(patience_s(5)):
        with pytest.raises(BrokerError, match=f"{settings}: .*{said}"):
            await Session.open(settings, "me", nobody)
        await counterpart.ended.wait()


async def test_where_nobody_listens_the_place_is_named() -> None:
    async with standing(mute) as (settings, _):
        pass
    with pytest.raises(BrokerError, match=f"{settings}: .*refused"):
        await Session.open(settings, "me", nobody)


async def test_a_connection_that_takes_too_long_is_closed_behind_us() -> None:
    async with standing(mute) as (settings, counterpart), asyncio.timeout(patience_s(5)):
        hasty = replace(settings, connect_s=0.05, answer_s=SHORT_S)
        with pytest.raises(BrokerError, match=r"no connection within 0\.05 s"):
            await Session.open(hasty, "me", nobody)
        await counterpart.ended.wait()


async def test_a_cancelled_connect_leaves_no_connection_behind() -> None:
    async with standing(welcoming) as (settings, counterpart), asyncio.timeout(patience_s(5)):
        opening = asyncio.create_task(Session.open(settings, "me", nobody))
        await asyncio.sleep(0)  # starts the task
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await counterpart.ended.wait()


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["small", "more than a socket holds"])
async def test_a_broker_that_confirms_nothing_fails_the_messages_in_time(size: int) -> None:
    async with standing(welcoming) as (settings, counterpart), asyncio.timeout(patience_s(5)):
        session = await Session.open(settings, "me", nobody)
        with pytest.raises(BrokerError, match="timed out"):
            await session.send([MqttMessage("topic", b"x" * size)] * 10)
        session.drop()
        await counterpart.ended.wait()


async def test_a_loss_is_told_at_once_and_fails_what_is_on_the_way() -> None:
    lost = asyncio.Event()
    async with standing(leaving) as (settings, _), asyncio.timeout(patience_s(5)):
        session = await Session.open(replace(settings, answer_s=60), "me", lost.set)
        with pytest.raises(BrokerError, match="closed the connection"):
            await session.send([ONLINE])
        await lost.wait()
        with pytest.raises(BrokerError, match="closed the connection"):
            session.check()
        session.drop()


@pytest.mark.parametrize("stays_s", [0, 0.05], ids=["at once", "later"])
async def test_a_loss_that_nobody_asks_about_is_noticed_and_nothing_is_left_to_log(
    stays_s: float,
) -> None:
    async def brief(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await welcoming(reader, writer)
        await asyncio.sleep(stays_s)
        writer.transport.close()

    lost, logged = asyncio.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    async with standing(brief) as (settings, _), asyncio.timeout(patience_s(5)):
        with contextlib.suppress(BrokerError):  # as open reports a loss that it sees itself
            session = await Session.open(settings, "me", lost.set)
            await lost.wait()
            session.drop()
            del session
        gc.collect()
    assert logged == []


async def test_what_is_sent_is_confirmed_and_leaving_says_offline() -> None:
    async with standing(answering) as (settings, counterpart), asyncio.timeout(patience_s(5)):
        session = await Session.open(replace(settings, answer_s=60), "me", nobody)
        session.check()
        await session.send([ONLINE] * 10)
        await session.leave()
        session.drop()
        await counterpart.ended.wait()


async def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    settings = replace(LIMITS, tls=True, ca_file=Path("/no/such/ca.pem"))
    with pytest.raises(BrokerError, match=r"mqtt\.ca_file /no/such/ca\.pem: No such file"):
        await Session.open(settings, "me", nobody)


def test_the_password_does_not_show() -> None:
    assert "s3cret" not in repr(replace(LIMITS, username="me", password="s3cret"))
    assert OFFLINE.retain
