"""What the adapters notice and is no fact of the core: one line and one counter each."""

from __future__ import annotations

from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.signals import Signal
from pbxbilling.telemetry.facts.counters import Counters
from pbxbilling.telemetry.logs import Log


class HookWatch:
    """Told by the hook server how its sessions go; fits its observer."""

    def __init__(self, log: Log, counters: Counters) -> None:
        self._log, self._counters = log, counters
        self.session_ended = counters.session_ended  # no line: a verdict has one as a fact

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        """Judging raised: a fault of ours."""
        self._counters.judge_failed()
        self._log.error(
            "hook not judged: answered by policy",
            error=repr(error),
            pbx=request.pbx,
            uniqueid=request.uniqueid,
            linkedid=request.linkedid,
        )

    def command_rejected(self, code: int) -> None:
        """Asterisk did not take the verdict: the dialplan falls back."""
        self._counters.command_rejected(code)
        self._log.warning("verdict not taken by Asterisk", code=code)


class BrokerWatch:
    """Told by the MQTT publisher how its connection goes; what it drops is a figure of a scrape."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def broker_up(self, broker: str, dropped: int) -> None:
        """The broker takes messages again; so many events were lost while it did not."""
        write = self._log.warning if dropped else self._log.info
        write("mqtt up", broker=broker, dropped=dropped)

    def broker_down(self, broker: str, reason: str) -> None:
        """Said once an outage."""
        self._log.warning("mqtt down: calls go on, it is tried again", broker=broker, reason=reason)


class LinkWatch:
    """Told by an AMI link what goes wrong on it, besides its going up and down."""

    def __init__(self, log: Log, counters: Counters) -> None:
        self._log, self._counters = log, counters

    def login_failed(self, pbx: str, message: str) -> None:
        """Somebody must mend the manager's user."""
        self._counters.link_event(pbx, "login_failed")
        self._log.error(
            "login refused: check username, secret and permit in manager.conf",
            pbx=pbx,
            message=message,
        )

    def unmapped(self, pbx: str, event: str) -> None:
        """An event that matters lacks what makes it one."""
        self._counters.link_event(pbx, "unmapped")
        self._log.debug("event skipped: fields are missing", pbx=pbx, name=event)

    def oversized(self, pbx: str, messages: int) -> None:
        """Messages above the cap were skipped."""
        self._counters.link_event(pbx, "oversized", messages)
        self._log.warning("messages skipped: too long", pbx=pbx, messages=messages)

    def broken(self, pbx: str, mended: int, lost: int) -> None:
        """A caller wrote line breaks into messages."""
        self._counters.link_event(pbx, "mended", mended)
        self._counters.link_event(pbx, "lost", lost)
        self._log.warning(
            "messages with a caller's line breaks in them: somebody dials to deceive",
            pbx=pbx,
            mended=mended,
            lost=lost,
        )

    def journal_failed(self, pbx: str, error: Exception) -> None:
        """Reading a journal raised: a fault of ours; the next look tries again."""
        self._counters.link_event(pbx, "journal_failed")
        self._log.error("journal not read", pbx=pbx, error=repr(error))

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """Tracking raised over a signal: a fault of ours."""
        self._counters.link_event(pbx, "sink_failed")
        self._log.error(
            "signal not tracked", pbx=pbx, signal=type(signal).__name__, error=repr(error)
        )
