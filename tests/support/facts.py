"""Facts as the core would publish them, for all that consumes facts."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged, SubjectKind
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.billing.facts import (
    StatementFailed,
    StatementSaved,
    StatementsWait,
    UsageReceived,
    UsageResult,
)
from pbxbilling.billing.figures import CurrencyFigures, FiguresTaken
from pbxbilling.calls.admission.decision import ADMITTED, Decision
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import (
    CallChanged,
    CallEnded,
    CallStarted,
    ClockDisagreed,
    CutArmed,
    LegAnswered,
    LegEnded,
    SlotReleased,
    WouldCut,
)
from pbxbilling.calls.live.pbx_facts import (
    Corrected,
    CorrectionKind,
    JournalDisagreed,
    JournalReadable,
    JournalUnreadable,
    LinkDown,
    LinkRetryFailed,
    LinkUp,
    PbxLetGo,
    PbxTakenUp,
    Reconciled,
    RightsExceeded,
    Stale,
)
from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import ConfigReloaded, Fact, StoreFailing, StoreRecovered, TaskFailed
from pbxbilling.payments.facts import InvoiceIssued, UsageDelayed, UsageResumed, UsageSent
from pbxbilling.privacy.retention import Chore, Purged, PurgeFailed
from pbxbilling.subscriptions.events import EventState
from pbxbilling.subscriptions.facts import (
    CycleOpened,
    DailyCheckDone,
    DailyCheckFailed,
    Drifted,
    EventTaken,
    GatewayAway,
    GatewayBack,
    PaymentAlert,
    WebhookReceived,
    WebhookResult,
)
from tests.support.store_records import call, ended_leg, leg

AT = datetime(2026, 11, 21, 10, 42, 0, 250_000, tzinfo=UTC)
KEY = ChannelKey("pbx1", "1795222182.1")
CALLED, CALLER = "+4915112345678", "+15550100123"

CALL = call(pbx="pbx1", caller=CALLER, number=CALLED, started_at=AT, hooked=True)
LEG = leg(key=KEY, caller=CALLER, number=CALLED, started_at=AT, answered_at=None)
ENDED_LEG = ended_leg(
    key=KEY,
    caller=CALLER,
    number=CALLED,
    started_at=AT,
    answered_at=AT,
    ended_at=AT + timedelta(seconds=61),
    talk_us=61_000_000,
    billed_s=120,
)


def decided(
    decision: Decision = ADMITTED,
    mode: Mode = Mode.ENFORCE,
    *,
    tenant: str | None = "acme",
    number: str = CALLED,
) -> AdmissionDecided:
    """Return the decision of a hook for the call above."""
    request = HookRequest(
        uniqueid="1795222182.0",
        channel="PJSIP/phone-00000000",
        tenant=tenant or "",
        linkedid="1795222182.0",
        number=number,
        pbx="pbx1",
        caller=CALLER,
    )
    return AdmissionDecided(AT, request, decision, mode, tenant, "c1")


def one_of_each() -> Iterable[Fact]:
    """Yield every kind of fact once."""
    yield decided()
    yield CallStarted(AT, CALL)
    yield CallChanged(AT, CALL)
    yield CallEnded(AT, CALL)
    yield LegAnswered(AT, LEG)
    yield LegEnded(AT, ENDED_LEG)
    yield Corrected(AT, "pbx1", CorrectionKind.CLOSED, KEY, "c1")
    yield PbxTakenUp(AT, "pbx1", journal=True)
    yield PbxLetGo(AT, "pbx1")
    yield LinkUp(AT, "pbx1", 12.0)
    yield LinkDown(AT, "pbx1", "no answer to a ping")
    yield LinkRetryFailed(AT, "pbx1", "Connection refused")
    yield RightsExceeded(AT, "pbx1", "pbxbilling", ("system",), "write = call,reporting")
    yield Reconciled(AT, "pbx1", 7)
    yield Stale(AT, "pbx1", "link down for 30 s")
    yield SlotReleased(AT, "root", CALL)
    yield CutArmed(AT, "acme", KEY, 12.5)
    yield WouldCut(AT, "acme", KEY, "c1")
    yield ClockDisagreed(AT, KEY, 10.0, 4.0)
    yield JournalDisagreed(AT, KEY, 0.7)
    yield JournalUnreadable(AT, "pbx1", "/var/log/cel.csv", "Permission denied")
    yield JournalReadable(AT, "pbx1", "/var/log/cel.csv")
    yield ConfigReloaded(AT, Mode.LOG)
    yield StoreFailing(AT, "disk full", 12)
    yield StoreRecovered(AT, 12)
    yield TaskFailed(AT, "figures", "KeyError: 'acme'")
    yield AccountsChanged(AT, "root", "apply", SubjectKind.TENANT, "acme")
    yield StatusChanged(AT, "acme", Status.TRIAL, Status.ACTIVE, Transition.PAID, "stripe", "sub_1")
    yield DailyCheckDone(AT, 2, 3)
    yield DailyCheckFailed(AT, "disk full")
    yield Purged(AT, {Chore.LEGS: 7, Chore.CALLS: 0})
    yield FiguresTaken(AT, "2026-11", (CurrencyFigures("EUR", paying=1, mrr=2900),))
    yield PurgeFailed(AT, "disk full")
    yield WebhookReceived(AT, WebhookResult.STORED, "invoice.paid", "evt_1")
    yield EventTaken(AT, "evt_1", "invoice.paid", EventState.DONE, "acme")
    yield GatewayAway(AT, "no answer")
    yield GatewayBack(AT)
    yield Drifted(AT, "sub_1", "acme")
    yield UsageSent(AT, "pbx1:1.1", "acme", 2, UsageEventState.SENT)
    yield UsageSent(AT, "pbx1:1.2", "acme", 2, UsageEventState.TOO_OLD, "over 35 days")
    yield UsageDelayed(AT, "no answer")
    yield UsageResumed(AT)
    yield InvoiceIssued(AT, "acme", "2026-11", "in_1", 3451, "EUR")
    yield UsageReceived(AT, UsageResult.COUNTED, "acme", "words", 1200)
    yield PaymentAlert(AT, "tenant acme", "the trial ends")
    yield StatementSaved(AT, "acme", "2026-11", 0, "EUR", 3451, 12, unread=("pbx1",))
    yield StatementsWait(AT, ("pbx1",))
    yield StatementFailed(AT, "acme", "2026-11", "plan pro has no price per month")
    yield CycleOpened(AT, "acme", "in_1", AT, AT + timedelta(days=30))
