"""One FastAGI session: environment in, one command out.

Asterisk has no read timeout of its own (res_agi.c): a session that is not answered holds its
caller for ever. So there is a verdict by the deadline, whatever the peer sent or did not send and
whatever broke inside.

A judged session is closed right behind its command. Asterisk reads the command and sets the
variable before it answers, and the end of the stream ends AGI() in order (seen on 16.28 and 22);
to wait for the `200 result=1` costs an eighth of the whole session. One session in
`HEARD_OUT_EVERY` is heard out all the same, so that a command which Asterisk does not take is
noticed. A verdict by policy always waits: more of the environment may be on its way, and a reset
must not overtake the verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from pbxbilling.agi.allow import AllowList
from pbxbilling.agi.arrivals import CROWDED_S, Arrivals
from pbxbilling.agi.deadlines import Deadlines
from pbxbilling.agi.protocol import Environment, answer_code, command
from pbxbilling.domain.hook import HookRequest, Verdict
from pbxbilling.domain.words import Word
from pbxbilling.ports import Clock

HEARD_OUT_EVERY = 64
_DONE = 200
_ANSWER_MAX_BYTES = 4096
_NOTHING = Environment()

Judge = Callable[[HookRequest], Verdict]


class Ending(Word):
    """What became of a session; the value is a metric label."""

    ANSWERED = "answered"  # judged
    DEADLINE = "deadline"  # by policy: no whole environment in time, or not read in time
    FAILED = "failed"  # by policy: the judge raised
    MALFORMED = "malformed"  # by policy: cut short, oversized, or no environment of Asterisk's
    SILENT = "silent"  # closed without a word: a health check, a port scan, a dying Asterisk
    REFUSED_PEER = "refused_peer"  # closed: not on the allow-list
    SURPLUS = "surplus"  # closed: too many sessions; the dialplan's fallback decides


class AgiObserver(Protocol):
    """Who is told how sessions went. It must not raise, nor wait."""

    def session_ended(self, ending: Ending, seconds: float) -> None:
        """Called once a session; `seconds` from its arrival to the verdict, or to its end."""
        ...

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        """The judge raised; the caller gets a verdict by policy."""
        ...

    def command_rejected(self, code: int) -> None:
        """Asterisk did not take the verdict: 510, 511 or 520."""
        ...


@dataclass(slots=True)
class Desk:
    """What the sessions of one server share; a reload replaces parts of it."""

    judge: Judge
    by_policy: Judge
    observer: AgiObserver
    clock: Clock
    allow: AllowList
    deadlines: Deadlines
    max_sessions: int
    arrivals: Arrivals = field(default_factory=Arrivals)
    judged: int = 0
    live: set[AgiSession] = field(default_factory=set)
    on_idle: Callable[[], None] | None = None
    on_crowd: Callable[[], None] | None = None

    def verdict(
        self, request: HookRequest, since: float, patience_s: float, *, whole: bool
    ) -> tuple[Ending, Verdict]:
        """What an environment gets that is at its end; `since` is the hook's arrival.

        Who has waited longer than `patience_s` is answered by policy.
        """
        if not (whole and request.uniqueid):
            return Ending.MALFORMED, self.by_policy(request)
        if self.clock.monotonic() - since > patience_s:
            # Judging it would only make those behind it wait longer.
            return Ending.DEADLINE, self.by_policy(request)
        try:
            return Ending.ANSWERED, self.judge(request)
        except Exception as error:  # noqa: BLE001  whatever it is, the caller is waiting
            self.observer.judge_failed(request, error)
            return Ending.FAILED, self.by_policy(request)

    def leave(self, session: AgiSession) -> None:
        """Forget a session that is over."""
        self.live.discard(session)
        if self.on_idle is not None and not self.live:
            self.on_idle()


class AgiSession:
    """Waits for the environment, says the verdict, closes; `over` when the connection is gone.

    An `asyncio.Protocol` by its methods alone: to inherit from one would leave it half compiled.
    """

    __slots__ = (
        "_answer",
        "_deadlines",
        "_desk",
        "_environment",
        "_peer",
        "_since",
        "_told",
        "_transport",
        "over",
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._environment = Environment()
        self._answer = b""
        self._told = False
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the peer in, unless it may not ask or there are too many."""
        desk = self._desk
        self._transport = cast("asyncio.Transport", transport)
        self._deadlines = desk.deadlines
        now = desk.clock.monotonic()
        waited_s = desk.arrivals.waited_s(transport)
        self._since = now - waited_s
        if waited_s > CROWDED_S and desk.on_crowd is not None:
            desk.on_crowd()
        address = transport.get_extra_info("peername")
        self._peer = address[0] if address else ""
        if not address:
            self._turn_away(Ending.SILENT)  # already gone
        elif self._peer not in desk.allow:
            self._turn_away(Ending.REFUSED_PEER)
        elif len(desk.live) >= desk.max_sessions:
            self._turn_away(Ending.SURPLUS)
        else:
            desk.live.add(self)
            self._deadlines.enter(self, now)

    def pause_writing(self) -> None:
        """There is nothing to hold back: a command fits any buffer."""

    def resume_writing(self) -> None:
        """Nothing was held back."""

    def _turn_away(self, ending: Ending) -> None:
        self._report(ending)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect the environment; later, where it is waited for, the answer."""
        if self._told:
            self._hear(data)
        elif self._environment.feed(data):
            self._judge()

    def _judge(self) -> None:
        desk, environment = self._desk, self._environment
        request = environment.request(self._peer)
        ending, verdict = desk.verdict(
            request, self._since, self._deadlines.limit_s, whole=environment.whole
        )
        self._say(ending, verdict)
        if ending is Ending.ANSWERED:
            desk.judged += 1
            if desk.judged % HEARD_OUT_EVERY:
                self._transport.close()
        elif ending is Ending.DEADLINE:
            self._transport.close()

    def _say(self, ending: Ending, verdict: Verdict) -> None:
        self._transport.write(command(verdict))
        self._report(ending)

    def _report(self, ending: Ending) -> None:
        self._told = True
        self._desk.observer.session_ended(ending, self._desk.clock.monotonic() - self._since)

    def _hear(self, data: bytes) -> None:
        """Close when Asterisk has answered; what else comes (`HANGUP`) is passed over."""
        self._answer += data
        code = answer_code(self._answer)
        if code is None and len(self._answer) <= _ANSWER_MAX_BYTES:
            return
        if code is not None and code != _DONE:
            self._desk.observer.command_rejected(code)
        self._transport.close()

    def eof_received(self) -> bool:
        """Nothing more will come; a peer that began an environment is answered all the same."""
        if not self._told and self._environment:
            self._say(Ending.MALFORMED, self._desk.by_policy(self._environment.request(self._peer)))
        return False  # the transport closes when the verdict is out

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The end, whoever made it; a reset is one like any other."""
        self.over = True
        if not self._told:
            self._report(Ending.MALFORMED if self._environment else Ending.SILENT)
        self._environment, self._answer = _NOTHING, b""  # its deadline still knows this session
        self._desk.leave(self)

    def expire(self) -> None:
        """The time is over: say the verdict of the policy, or give up on a peer that never ends."""
        if self._told:
            self.abort()
            return
        self._say(Ending.DEADLINE, self._desk.by_policy(self._environment.request(self._peer)))
        self._deadlines.enter(self, self._desk.clock.monotonic())

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()
