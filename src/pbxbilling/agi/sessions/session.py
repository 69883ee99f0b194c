"""One FastAGI session: read the environment, send one command.

Asterisk has no read timeout of its own (res_agi.c): a session without an answer blocks its caller
for ever. So the verdict is sent by the deadline, whatever the peer sent or did not send and
whatever failed inside.

A judged session is closed right after its command. Asterisk reads the command and sets the
variable before it answers, and the end of the stream ends AGI() in order (seen on 16.28 and 22);
waiting for the `200 result=1` costs an eighth of the whole session. One session in
`HEARD_OUT_EVERY` waits for it all the same, so that a command that Asterisk rejects is noticed. A
session answered by policy waits too, unless its whole environment was read but too late: more of
the environment may be on its way, and a reset must not overtake the verdict.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol

from pbxbilling.agi.sessions.allow_list import AllowList
from pbxbilling.agi.sessions.deadlines import Deadlines
from pbxbilling.agi.sessions.protocol import Environment, answer_code, command
from pbxbilling.agi.sessions.queue_time import CROWDED_S, QueueTime
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.kernel.codes import Code
from pbxbilling.kernel.ports import Clock

HEARD_OUT_EVERY = 64
_DONE = 200
_ANSWER_MAX_BYTES = 4096
_FIRST_BYTES = 16 * 1024  # holds nearly every environment
_MORE_BYTES = 256 * 1024  # bytes left unread at the close cause a reset that overtakes the verdict
_LATE = 0.8  # of the deadline, where many wait: the last of them must be answered in time, too
_NOTHING = Environment()
_NO_VERDICT = Verdict(admit=True)

Judge = Callable[[HookRequest], Verdict]


class Ending(Code):
    """How a session ended; the value is a metric label."""

    ANSWERED = "answered"  # judged
    DEADLINE = "deadline"  # by policy: no whole environment in time, or not read in time
    FAILED = "failed"  # by policy: the judge raised
    MALFORMED = "malformed"  # by policy: cut short, oversized, or not an AGI environment
    SILENT = "silent"  # the peer sent nothing: a health check, a port scan, a dying Asterisk
    REFUSED_PEER = "refused_peer"  # closed: not on the allow-list
    SURPLUS = "surplus"  # closed: too many sessions; the dialplan's fallback decides
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - by policy: the path lacks the hook's token


class AgiObserver(Protocol):
    """Receives how sessions end. Its methods must neither raise nor wait."""

    def session_ended(self, ending: Ending, seconds: float) -> None:
        """Called once per session; `seconds` from its arrival to the verdict, or to its end."""
        ...

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        """Called when the judge raised; the caller gets a verdict by policy."""
        ...

    def command_rejected(self, code: int) -> None:
        """Called when Asterisk rejected the verdict: 510, 511 or 520."""
        ...

    def stranger(self, ending: Ending, peer: str) -> None:
        """Called for a peer that is not on the allow-list, or lacks the token."""
        ...


@dataclass(slots=True)
class HookHandler:
    """State that the sessions of one server share; a reload replaces parts of it.

    `by_policy` decides where `judge` failed or came too late, `malformed` (by default
    `by_policy`) where there is no valid request, or one without the `token` ("": none is needed).
    """

    judge: Judge
    by_policy: Judge
    observer: AgiObserver
    clock: Clock
    allow: AllowList
    deadlines: Deadlines
    max_sessions: int
    malformed: Judge | None = None
    token: str = field(default="", repr=False)
    queue_time: QueueTime = field(default_factory=QueueTime)
    judged: int = 0
    live: dict[int, AgiSession] = field(default_factory=dict)  # by descriptor
    on_idle: Callable[[], None] | None = None

    def verdict(
        self, request: HookRequest, token: str, since: float, patience_s: float, *, whole: bool
    ) -> tuple[Ending, Verdict]:
        """Decide on an environment that has ended; `since` is the hook's arrival.

        A hook that has waited longer than `patience_s` is answered by policy.
        """
        if not (whole and request.uniqueid):
            return Ending.MALFORMED, self.no_request(request)
        if self.token and not compare_digest(token.encode(), self.token.encode()):
            return Ending.WRONG_TOKEN, self.no_request(request)
        if self.clock.monotonic() - since > patience_s:
            # Judging it would only delay the sessions behind it.
            return Ending.DEADLINE, self.by_policy(request)
        try:
            return Ending.ANSWERED, self.judge(request)
        except Exception as error:  # noqa: BLE001 - on any error the caller needs a verdict
            self.observer.judge_failed(request, error)
            return Ending.FAILED, self.by_policy(request)

    def no_request(self, request: HookRequest) -> Verdict:
        """Decide on a peer that sent no valid request, by what could be read of it."""
        return (self.malformed or self.by_policy)(request)

    def leave(self, fileno: int) -> None:
        """Forget a session that is over; call `on_idle` after the last one."""
        self.live.pop(fileno, None)
        if self.on_idle is not None and not self.live:
            self.on_idle()


class AgiSession:
    """Reads the environment, sends the verdict, closes.

    `EpollServer` calls `read` when there is something to read, then `judge` and `answer` once the
    session is `heard`; it is `over` when its connection is closed.
    """

    __slots__ = (
        "_answer",
        "_deadlines",
        "_ending",
        "_environment",
        "_handler",
        "_patience_s",
        "_peer",
        "_reported",
        "_since",
        "_socket",
        "_verdict",
        "fileno",
        "heard",
        "over",
    )

    def __init__(
        self, handler: HookHandler, connection: socket.socket, peer: str, waited_s: float
    ) -> None:
        """`waited_s`: how long it waited in the listener's queue, in seconds."""
        self._handler = handler
        self._deadlines = handler.deadlines
        self._socket = connection
        self._peer = peer
        self._since = handler.clock.monotonic() - waited_s
        self._patience_s = handler.deadlines.limit_s * (_LATE if waited_s > CROWDED_S else 1.0)
        self._environment = Environment()
        self._ending = Ending.SILENT
        self._verdict = _NO_VERDICT
        self._answer = b""
        self._reported = False
        self.fileno = connection.fileno()
        self.heard = False
        self.over = False

    def begin_deadline(self) -> None:
        """Start the session's deadline now."""
        self._deadlines.enter(self, self._handler.clock.monotonic())

    def read(self) -> None:
        """Read the environment; after the verdict, read Asterisk's answer if it is awaited."""
        try:
            most = _MORE_BYTES if self._environment else _FIRST_BYTES
            data = self._socket.recv(most, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            self.close()  # a reset is an ordinary end
            return
        if not data:
            self._read_end()
        elif self._reported:
            self._read_environment(data)
        else:
            self.heard = self._environment.feed(data)

    def judge(self) -> None:
        """Decide on the environment that was read."""
        environment = self._environment
        request = self._request()  # reads the token, too
        self._ending, self._verdict = self._handler.verdict(
            request,
            environment.token,
            self._since,
            self._patience_s,
            whole=environment.whole,
        )
        if self._ending is Ending.WRONG_TOKEN:
            self._handler.observer.stranger(self._ending, self._peer)

    def answer(self) -> None:
        """Send the verdict; close, unless Asterisk's answer is awaited."""
        handler, ending = self._handler, self._ending
        self.heard = False
        self._write_verdict(ending, self._verdict)
        if ending is Ending.ANSWERED:
            handler.judged += 1
            if handler.judged % HEARD_OUT_EVERY:
                self.close()
        elif ending is Ending.DEADLINE:
            self.close()

    def _write_verdict(self, ending: Ending, verdict: Verdict) -> None:
        with suppress(OSError):  # the peer has gone: AMI reports its channel
            self._socket.send(command(verdict), socket.MSG_DONTWAIT)
        self._report(ending)

    def _report(self, ending: Ending) -> None:
        self._reported = True
        self._handler.observer.session_ended(ending, self._handler.clock.monotonic() - self._since)

    def _read_environment(self, data: bytes) -> None:
        """Close when Asterisk has answered; ignore other lines (`HANGUP`)."""
        self._answer += data
        code = answer_code(self._answer)
        if code is None and len(self._answer) <= _ANSWER_MAX_BYTES:
            return
        if code is not None and code != _DONE:
            self._handler.observer.command_rejected(code)
        self.close()

    def _read_end(self) -> None:
        """Handle the end of the stream; a peer that began an environment still gets an answer."""
        if not self._reported and self._environment:
            self._write_verdict(Ending.MALFORMED, self._handler.no_request(self._request()))
        self.close()

    def _request(self) -> HookRequest:
        return self._environment.request(self._peer)

    def expire(self) -> None:
        """Send the verdict by policy, or close a session that was answered and does not end.

        Read once more before: if the event loop was blocked, an emergency number may have come.
        """
        try:
            if self._reported:
                self.close()
            else:
                self._write_late()
        except Exception:
            self.close()  # no verdict, but the caller is released
            raise

    def _write_late(self) -> None:
        self.read()
        if self.heard:
            self.judge()
            self.answer()
        elif not self.over:
            self._write_verdict(Ending.DEADLINE, self._handler.by_policy(self._request()))
            self.begin_deadline()

    def close(self) -> None:
        """Close the connection and report a session that was not yet; later calls do nothing."""
        if self.over:
            return
        self.over = True
        self._socket.close()
        self._handler.leave(self.fileno)
        if not self._reported:
            self._report(Ending.MALFORMED if self._environment else Ending.SILENT)
        self._environment, self._answer = _NOTHING, b""  # `Deadlines` still references this session
