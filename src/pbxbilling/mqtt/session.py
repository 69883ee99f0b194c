"""One connection to a broker: every step has a time limit, whatever the broker does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import aiomqtt

from pbxbilling.mqtt.messages import OFFLINE, MqttMessage
from pbxbilling.mqtt.settings import BrokerSettings

AT_LEAST_ONCE = 1  # QoS: nothing counts as sent before the broker has acknowledged it

# The publisher reports an outage once; the library would log it again and again.
_SILENT = logging.getLogger("pbxbilling.mqtt.library")
_SILENT.setLevel(logging.CRITICAL + 1)


class BrokerError(Exception):
    """The broker cannot be reached, refuses us, or is silent for too long."""


class Session:
    """A live connection. Its last will publishes `offline` if it ends without `leave`."""

    def __init__(self, client: Client, settings: BrokerSettings) -> None:
        self._client = client
        self._settings = settings

    @classmethod
    async def open(
        cls, settings: BrokerSettings, identity: str, on_lost: Callable[[], None]
    ) -> Session:
        """Connect. Raises BrokerError. `on_lost` is called when the connection ends.

        `identity`: the same for all connections of one process, so that a new one ends what the
        broker still holds of the last, whose will is then not published after our `online`.
        """
        try:
            async with asyncio.timeout(settings.connect_s):
                client = await _connected(settings, identity)
        except TimeoutError as late:
            msg = f"{settings}: no connection within {settings.connect_s:g} s"
            raise BrokerError(msg) from late
        except (aiomqtt.MqttError, OSError) as fault:
            msg = f"{settings}: {fault}"
            raise BrokerError(msg) from fault
        client.lost.add_done_callback(lambda _: on_lost())
        return cls(client, settings)

    def check(self) -> None:
        """Raise BrokerError where the connection is lost."""
        lost = self._client.lost
        if lost.done():
            fault = lost.exception()
            msg = f"{self._settings}: the broker closed the connection or did not answer"
            raise BrokerError(msg) from fault

    async def send(self, messages: Sequence[MqttMessage]) -> None:
        """Publish in this order; return when the broker has taken all of them.

        Raises BrokerError where it does not in time: some may have arrived then.
        """
        answers = asyncio.gather(*map(self._publish, messages))
        either: set[asyncio.Future[Any]] = {answers, self._client.lost}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not answers.done():
                self.check()
            await answers
        except aiomqtt.MqttError as fault:
            msg = f"{self._settings}: {fault}"
            raise BrokerError(msg) from fault
        finally:
            answers.cancel()

    async def _publish(self, message: MqttMessage) -> None:
        await self._client.publish(
            message.topic, message.payload, qos=AT_LEAST_ONCE, retain=message.retain
        )

    async def leave(self) -> None:
        """Publish `offline`, then disconnect. Raises BrokerError."""
        await self.send([OFFLINE])
        try:
            await self._client.__aexit__(None, None, None)
        except aiomqtt.MqttError as fault:
            msg = f"{self._settings}: {fault}"
            raise BrokerError(msg) from fault

    def drop(self) -> None:
        """Close the connection at once, if it is open, without waiting for the broker."""
        self._client.drop()


class Client(aiomqtt.Client):
    """aiomqtt's client, with a `drop` that does not wait for the broker.

    aiomqtt's own end sends a DISCONNECT and waits until that has left; if no CONNACK came, it
    leaves the socket open.
    """

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the connection has ended: an exception says why, None that we closed it."""
        return self._disconnected

    def drop(self) -> None:
        """Close the socket; the next read makes paho-mqtt forget the connection."""
        if not self.lost.done():
            self.lost.set_result(None)
        elif not self.lost.cancelled():
            self.lost.exception()  # asyncio logs exceptions that were never retrieved
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


async def _connected(settings: BrokerSettings, identity: str) -> Client:
    tls = await asyncio.to_thread(_tls_context, settings) if settings.tls else None
    client = Client(
        settings.host,
        settings.port,
        identifier=identity,
        username=settings.username,
        password=settings.password or None,
        will=aiomqtt.Will(OFFLINE.topic, OFFLINE.payload, AT_LEAST_ONCE, OFFLINE.retain),
        timeout=settings.answer_s,
        keepalive=settings.keepalive_s,
        tls_context=tls,
        logger=_SILENT,
    )
    lost = client.lost
    # aiomqtt connects in a thread, which cannot be cancelled: if we give up, close it later.
    opening = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(opening)
    except BaseException:
        client.drop()
        opening.add_done_callback(lambda _: client.drop())
        raise
    if client.lost is not lost:  # aiomqtt forgets a loss that comes with the CONNACK
        msg = f"{settings}: the broker accepted the login, then closed the connection"
        raise BrokerError(msg) from lost.exception()
    return client


def _tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    """Return the TLS context; run it in a thread, as it reads certificates from the disk."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as fault:
        msg = f"{settings}: mqtt.ca_file {settings.ca_file}: {fault.strerror or fault}"
        raise BrokerError(msg) from fault
