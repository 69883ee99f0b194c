"""Turn facts into records for the store."""

from __future__ import annotations

from pbxbilling.accounts.records import Act, AuditRecord
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import CallNews, LegAnswered, LegEnded
from pbxbilling.calls.live.records import DecisionRecord
from pbxbilling.calls.metering.usage_event import LegMetered, is_metered
from pbxbilling.kernel.audit import AuditEvent, system
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.facts import ConfigReloaded, Fact, QueuedFact
from pbxbilling.kernel.ports import Consequences, RecordSink

_CONFIGURATION = system("configuration")
_RELOAD = Act(AuditEvent.MODE_CHANGED, "reload")


class Recorder:
    """Sink that records calls, legs and every refusal; admissions too if `admissions` is set.

    An ended leg that is charged by a usage event is queued with it, for one transaction.
    """

    def __init__(
        self,
        records: RecordSink,
        registry: Registry,
        *,
        admissions: bool,
        consequences: Consequences | None = None,
    ) -> None:
        """`consequences`: makes what follows from queued facts, to be queued with their records."""
        self._consequences = consequences
        self._records = records
        self._registry = registry
        self.admissions = admissions

    def __call__(self, fact: Fact) -> None:
        """Queue the records of one fact."""
        if isinstance(fact, CallNews):
            self._records.put(fact.call)
        elif isinstance(fact, AdmissionDecided):
            if self.admissions or fact.decision.outcome is not Outcome.ADMIT:
                self._records.put(_decision(fact))
        elif isinstance(fact, LegAnswered):
            self._records.put(fact.leg)
        elif isinstance(fact, ConfigReloaded):
            if fact.before not in (None, fact.mode):
                self._records.put(_mode_changed(fact))
        elif isinstance(fact, LegEnded):
            self._records.put(fact.leg)
            self._meter(fact)
        if self._consequences is not None and isinstance(fact, QueuedFact):
            for record in self._consequences.records_for((fact,)):
                self._records.put(record)

    def _meter(self, ended: LegEnded) -> None:
        """Queue the leg's usage event; a leg that costs nothing needs one only as a correction."""
        leg = ended.leg
        if (leg.billed_s or ended.before) and is_metered(leg, self._registry.terms(leg.tenant)):
            self._records.put(LegMetered(leg.key))


def _mode_changed(fact: ConfigReloaded) -> AuditRecord:
    before = {"mode": fact.before.value} if fact.before is not None else None
    return _RELOAD.on("mode", _CONFIGURATION, fact.at, before, {"mode": fact.mode.value})


def _decision(fact: AdmissionDecided) -> DecisionRecord:
    request, breach = fact.request, fact.decision.breach
    return DecisionRecord(
        at=fact.at,
        pbx=request.pbx,
        uniqueid=request.uniqueid,
        call=fact.call,
        tenant=fact.tenant,
        direction=request.direction,
        caller=request.caller,
        number=request.number,
        mode=fact.mode,
        outcome=fact.decision.outcome,
        reason=fact.decision.reason,
        breach=breach.reason if breach else None,
        used=breach.used if breach else None,
        limit=breach.limit if breach else None,
    )
