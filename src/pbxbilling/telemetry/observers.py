"""What adapters report and is no fact of the core: one log line and one counter each."""

from __future__ import annotations

from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.signals import Signal
from pbxbilling.kernel.codes import Code
from pbxbilling.telemetry.facts.counters import Counters
from pbxbilling.telemetry.logs import Log

STRANGERS_MOST = 1000  # addresses that are logged; a scan from anywhere must not fill the log
_STRANGERS = {  # by the ending of the session
    "refused_peer": "hook of a peer that agi.allow does not list: closed",
    "wrong_token": "hook without the token of agi.token_file: answered as malformed",
}


class HookWatch:
    """Logs and counts what the hook server reports; implements its `AgiObserver`."""

    def __init__(self, log: Log, counters: Counters) -> None:
        self._log, self._counters = log, counters
        self.session_ended = counters.session_ended  # no line: the fact of the verdict has one
        self._strangers: set[tuple[Code, str]] = set()

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        """Log and count a judge that raised: a fault of ours."""
        self._counters.judge_failed()
        self._log.error(
            "hook not judged: answered by policy",
            error=repr(error),
            pbx=request.pbx,
            uniqueid=request.uniqueid,
            linkedid=request.linkedid,
        )

    def command_rejected(self, code: int) -> None:
        """Log and count a verdict that Asterisk rejected: the dialplan falls back."""
        self._counters.command_rejected(code)
        self._log.warning("verdict not taken by Asterisk", code=code)

    def stranger(self, ending: Code, peer: str) -> None:
        """Log a peer that may not ask, once for each address; `session_ended` counts every one."""
        if (ending, peer) in self._strangers or len(self._strangers) >= STRANGERS_MOST:
            return
        self._strangers.add((ending, peer))
        self._log.warning(_STRANGERS[ending.value], peer=peer)


class BrokerWatch:
    """Logs changes of the MQTT connection; a scrape reads the count of dropped events."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def broker_up(self, broker: str, dropped: int) -> None:
        """Log that the broker takes messages again; `dropped` events were lost meanwhile."""
        write = self._log.warning if dropped else self._log.info
        write("mqtt up", broker=broker, dropped=dropped)

    def broker_down(self, broker: str, reason: str) -> None:
        """Log an outage, once."""
        self._log.warning("mqtt down: calls go on, it is tried again", broker=broker, reason=reason)


class LinkWatch:
    """Logs and counts faults on AMI links, besides their going up and down."""

    def __init__(self, log: Log, counters: Counters) -> None:
        self._log, self._counters = log, counters

    def login_failed(self, pbx: str, message: str) -> None:
        """Log and count a rejected login: an operator must fix the manager's user."""
        self._counters.link_event(pbx, "login_failed")
        self._log.error(
            "login refused: check username, secret and permit in manager.conf",
            pbx=pbx,
            message=message,
        )

    def unmapped(self, pbx: str, event: str) -> None:
        """Log and count an event that matters and lacks required fields."""
        self._counters.link_event(pbx, "unmapped")
        self._log.debug("event skipped: fields are missing", pbx=pbx, name=event)

    def oversized(self, pbx: str, messages: int) -> None:
        """Log and count messages above the size cap, which were skipped."""
        self._counters.link_event(pbx, "oversized", messages)
        self._log.warning("messages skipped: too long", pbx=pbx, messages=messages)

    def broken(self, pbx: str, rejoined: int, lost: int) -> None:
        """Log and count messages into which a caller wrote line breaks."""
        self._counters.link_event(pbx, "mended", rejoined)
        self._counters.link_event(pbx, "lost", lost)
        self._log.warning(
            "messages with a caller's line breaks in them: somebody dials to deceive",
            pbx=pbx,
            mended=rejoined,
            lost=lost,
        )

    def journal_failed(self, pbx: str, error: Exception) -> None:
        """Log and count a journal read that raised: a fault of ours; the next read retries."""
        self._counters.link_event(pbx, "journal_failed")
        self._log.error("journal not read", pbx=pbx, error=repr(error))

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """Log and count a signal on which tracking raised: a fault of ours."""
        self._counters.link_event(pbx, "sink_failed")
        self._log.error(
            "signal not tracked", pbx=pbx, signal=type(signal).__name__, error=repr(error)
        )
