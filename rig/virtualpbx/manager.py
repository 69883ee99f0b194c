"""The virtual PBX's manager port: sessions, logins and events, as in main/manager.c."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import ssl
import time

from rig.virtualpbx.actions import ACTIONS, Headers, Switchboard


class Manager:
    """Accepts manager sessions and sends events to those that are logged in and want them."""

    def __init__(self, pbx: Switchboard, username: str, secret: str) -> None:
        self._pbx = pbx
        self._login = (username, secret)
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self.actions: list[dict[str, str]] = []  # all actions received, for the tests to inspect
        self.logins = 0  # login attempts
        self._asked = asyncio.Event()

    @property
    def port(self) -> int:
        """The port at which it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen; 0 is any free port."""
        self._server = await asyncio.start_server(self._accept, host, port, backlog=256, ssl=tls)

    async def stop(self) -> None:
        """Close the port and every session."""
        if self._server is not None:
            self._server.close()
        await self.drop()
        if self._server is not None:
            await self._server.wait_closed()

    async def drop(self) -> None:
        """Cut every session."""
        sessions = list(self._sessions)
        for session in sessions:
            session.abort()
        await asyncio.gather(*(session.ended.wait() for session in sessions))

    def received(self, headers: dict[str, str]) -> None:
        """Record an action."""
        self.actions.append(headers)
        self._asked.set()

    async def until_asked(self, action: str) -> None:
        """Wait until that action has been received at least once."""
        while not any(headers.get("Action") == action for headers in self.actions):
            self._asked.clear()
            await self._asked.wait()

    def emit(self, name: str, body: str, privilege: str = "call,all") -> None:
        """Send an event, with the time of day, to every session whose login grants it."""
        text = (
            f"Event: {name}\r\nPrivilege: {privilege}\r\nTimestamp: {time.time():.6f}\r\n{body}\r\n"
        )
        for session in tuple(self._sessions):
            session.event(text)

    def accepts(self, headers: Headers, challenge: str) -> bool:
        """Return whether the login is correct: by the session's challenge, or in clear."""
        self.logins += 1
        username, secret = self._login
        if headers.get("Username") != username:
            return False
        if headers.get("AuthType", "").upper() == "MD5":
            key = hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False)
            return bool(challenge) and headers.get("Key") == key.hexdigest()
        return headers.get("Secret") == secret

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._pbx, self, reader, writer)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            session.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            session.ended.set()


class Session:
    """One client of the manager."""

    def __init__(
        self,
        pbx: Switchboard,
        manager: Manager,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.ended = asyncio.Event()
        self._pbx = pbx
        self._manager = manager
        self._reader = reader
        self._writer = writer
        self._events = False
        self._challenge = ""

    def abort(self) -> None:
        """Cut the session."""
        self._writer.transport.abort()

    async def run(self) -> None:
        """Greet, then serve action by action."""
        self.write(self._pbx.faults.banner)
        with contextlib.suppress(OSError):
            while headers := await self._read():
                self._manager.received(headers)
                if not self._pbx.faults.silent and not await self._serve(headers):
                    await self._writer.drain()
                    return

    def event(self, text: str) -> None:
        """Send an event to this session, if it wants events."""
        if not self._events or self._pbx.faults.silent:
            return
        sent = text.encode()
        if self._pbx.faults.close_in_message:
            self.write(sent[: len(sent) // 2])
            self._writer.close()
            return
        self.write(sent)

    async def _read(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := (await self._reader.readline()).decode().rstrip("\r\n"):
            key, _, value = line.partition(":")
            headers[key] = value.strip()
        return headers

    def write(self, sent: bytes) -> None:
        """Send, whole or byte by byte."""
        if self._pbx.faults.bytewise:
            for i in range(len(sent)):
                self._writer.write(sent[i : i + 1])
        else:
            self._writer.write(sent)

    def respond(self, headers: Headers, *lines: str, response: str = "Success") -> None:
        """Answer an action, with its ActionID."""
        action_id = headers.get("ActionID")
        head = [f"Response: {response}"] + ([f"ActionID: {action_id}"] if action_id else [])
        self.write(("\r\n".join([*head, *lines]) + "\r\n\r\n").encode())

    async def _serve(self, headers: Headers) -> bool:
        action = headers.get("Action", "").lower()
        if action == "challenge":
            self._challenge = str(random.randrange(10**8, 10**9))
            self.respond(headers, f"Challenge: {self._challenge}")
            return True
        if action == "login":
            return await self._login(headers)
        if action == "logoff":
            self.respond(headers, "Message: Thanks for all the fish.", response="Goodbye")
            return False
        serve = ACTIONS.get(action)
        if not self._events:
            self.respond(headers, "Message: Permission denied", response="Error")
        elif serve is None:
            self.respond(headers, "Message: Invalid/unknown command", response="Error")
        else:
            serve(self, self._pbx, headers)
        return True

    async def _login(self, headers: Headers) -> bool:
        if not self._manager.accepts(headers, self._challenge):
            await asyncio.sleep(self._pbx.login_delay_s)
            self.respond(headers, "Message: Authentication failed", response="Error")
            return False
        self.respond(headers, "Message: Authentication accepted")
        self._events = headers.get("Events", "on").lower() != "off"
        if not self._pbx.faults.not_booted:
            uptime = self._pbx.uptime_s
            self.write(
                "Event: FullyBooted\r\nPrivilege: system,all\r\n"
                f"Uptime: {uptime}\r\nLastReload: {uptime}\r\n"
                "Status: Fully Booted\r\n\r\n".encode()
            )
        return True
