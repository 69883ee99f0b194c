"""What happened: the core emits facts, the sinks make lines, counters and messages of them.

One fact, one log line, one counter.
"""

from __future__ import annotations

from pbxbilling.domain.account_facts import (
    AccountsChanged,
    DailyCheckDone,
    DailyCheckFailed,
    StandingChanged,
)
from pbxbilling.domain.billing_facts import (
    CycleOpened,
    StatementFailed,
    StatementSaved,
    StatementsWait,
    UsageReceived,
)
from pbxbilling.domain.call_facts import (
    AdmissionDecided,
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
from pbxbilling.domain.daemon_facts import ConfigReloaded, StoreFailing, StoreRecovered, TaskFailed
from pbxbilling.domain.figures import FiguresTaken
from pbxbilling.domain.gateway_facts import (
    Drifted,
    GatewayAway,
    GatewayBack,
    InvoiceIssued,
    LetterTaken,
    PaymentAlert,
    UsageGoesOn,
    UsageHeldUp,
    UsageTold,
    WebhookReceived,
)
from pbxbilling.domain.pbx_facts import (
    Corrected,
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
from pbxbilling.domain.retention import Purged, PurgeFailed

Fact = (
    AdmissionDecided
    | CallStarted
    | CallChanged
    | CallEnded
    | LegAnswered
    | LegEnded
    | Corrected
    | PbxTakenUp
    | PbxLetGo
    | LinkUp
    | LinkDown
    | LinkRetryFailed
    | RightsExceeded
    | Reconciled
    | Stale
    | SlotReleased
    | CutArmed
    | WouldCut
    | ClockDisagreed
    | JournalDisagreed
    | JournalUnreadable
    | JournalReadable
    | ConfigReloaded
    | StoreFailing
    | StoreRecovered
    | TaskFailed
    | AccountsChanged
    | StandingChanged
    | DailyCheckDone
    | DailyCheckFailed
    | Purged
    | PurgeFailed
    | FiguresTaken
    | WebhookReceived
    | LetterTaken
    | GatewayAway
    | GatewayBack
    | Drifted
    | PaymentAlert
    | UsageReceived
    | InvoiceIssued
    | UsageTold
    | UsageHeldUp
    | UsageGoesOn
    | StatementSaved
    | StatementFailed
    | StatementsWait
    | CycleOpened
)
