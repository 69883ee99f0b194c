"""Lines and counters of facts about PBXes: links, snapshots, journals, corrections."""

from __future__ import annotations

from typing import Final

from pbxbilling.calls.live.pbx_facts import (
    Corrected,
    JournalDisagreed,
    JournalDoubtful,
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
    TrunkHasRoom,
    TrunkNearlyFull,
)
from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.line import DEBUG, ERROR, INFO, WARNING, Line, Mask
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, counted, plain

AMI_FAULTS: Final = CounterSpec(
    "ami_faults", "Messages and logins on a link that went wrong.", ("pbx", "kind")
)


def _corrected(fact: Corrected, mask: Mask) -> Line:  # noqa: ARG001
    fields = {"pbx": fact.pbx, "kind": fact.kind, "call": fact.call}
    if fact.key is not None:
        fields["uniqueid"] = fact.key.uniqueid
    return Line(WARNING, f"ledger corrected: {fact.kind}", fields)


def _trunk_use(fact: TrunkNearlyFull | TrunkHasRoom) -> dict[str, object]:
    return {"pbx": fact.pbx, "trunk": fact.trunk, "used": fact.used, "channels": fact.channels}


ROWS = (
    Row(
        Corrected,
        line=_corrected,
        counter=counted(
            CounterSpec(
                "reconcile_corrections",
                "Differences between a PBX and the ledger.",
                ("pbx", "kind"),
            ),
            lambda fact, _: (fact.pbx, fact.kind),
        ),
    ),
    Row(
        PbxTakenUp,
        line=plain(INFO, "pbx taken up", lambda fact: {"pbx": fact.pbx, "journal": fact.journal}),
        counter=NO_COUNTER,
    ),
    Row(
        PbxLetGo,
        line=plain(WARNING, "pbx let go: its calls are closed", lambda fact: {"pbx": fact.pbx}),
        counter=NO_COUNTER,
    ),
    Row(
        LinkUp,
        line=plain(INFO, "link up", lambda fact: {"pbx": fact.pbx, "uptime_s": fact.uptime_s}),
        counter=NO_COUNTER,
    ),
    Row(
        LinkDown,
        line=plain(
            WARNING,
            "link down: nothing is released",
            lambda fact: {"pbx": fact.pbx, "reason": fact.reason},
        ),
        counter=counted(
            CounterSpec(
                "ami_disconnects", "Outages of a link: it fell, or could not be made.", ("pbx",)
            ),
            lambda fact, _: (fact.pbx,),
        ),
    ),
    Row(
        LinkRetryFailed,
        line=plain(DEBUG, "link still down", lambda fact: {"pbx": fact.pbx, "reason": fact.reason}),
        counter=counted(AMI_FAULTS, lambda fact, _: (fact.pbx, "retry_failed")),
    ),
    Row(
        RightsExceeded,
        line=plain(
            WARNING,
            "manager user may do too much",
            lambda fact: {
                "pbx": fact.pbx,
                "user": fact.user,
                "rights": fact.rights,
                "mend": fact.mend,
            },
        ),
        counter=counted(AMI_FAULTS, lambda fact, _: (fact.pbx, "excess_rights")),
    ),
    Row(
        Reconciled,
        line=plain(DEBUG, "reconciled", lambda fact: {"pbx": fact.pbx, "channels": fact.channels}),
        counter=NO_COUNTER,
    ),
    Row(
        Stale,
        line=plain(
            ERROR,
            "counts stale: judged as in log mode",
            lambda fact: {"pbx": fact.pbx, "reason": fact.reason},
        ),
        counter=counted(
            CounterSpec("ami_stale", "Times that a PBX's counts became doubtful.", ("pbx",)),
            lambda fact, _: (fact.pbx,),
        ),
    ),
    Row(
        TrunkNearlyFull,
        line=plain(WARNING, "trunk nearly full", _trunk_use),
        counter=counted(
            CounterSpec(
                "trunk_nearly_full",
                "Times that a trunk reached 80 % of its channels.",
                ("pbx", "trunk"),
            ),
            lambda fact, _: (fact.pbx, fact.trunk),
        ),
    ),
    Row(
        TrunkHasRoom,
        line=plain(INFO, "trunk has room again", _trunk_use),
        counter=NO_COUNTER,
    ),
    Row(
        JournalDisagreed,
        line=plain(
            WARNING,
            "journal disagrees",
            lambda fact: {"difference_s": fact.difference_s, "leg": str(fact.key)},
        ),
        counter=counted(
            CounterSpec(
                "journal_disagreements", "Legs whose end differs between AMI and journal.", ("pbx",)
            ),
            lambda fact, _: (fact.key.pbx,),
        ),
    ),
    Row(
        JournalUnreadable,
        line=plain(
            WARNING,
            "journal unreadable: recovery from AMI alone",
            lambda fact: {"pbx": fact.pbx, "path": fact.path, "error": fact.error},
        ),
        counter=counted(
            CounterSpec("journal_unreadable", "Times that a journal could not be read.", ("pbx",)),
            lambda fact, _: (fact.pbx,),
        ),
    ),
    Row(
        JournalDoubtful,
        line=plain(
            WARNING,
            "journal times doubtful",
            lambda fact: {
                "pbx": fact.pbx,
                "path": fact.path,
                "doubt": fact.doubt,
                "error": fact.error,
            },
        ),
        counter=counted(
            CounterSpec(
                "journal_doubts",
                "Times that a journal's dates were found shifted or in whole seconds.",
                ("pbx", "kind"),
            ),
            lambda fact, _: (fact.pbx, fact.doubt),
        ),
    ),
    Row(
        JournalReadable,
        line=plain(
            INFO, "journal readable again", lambda fact: {"pbx": fact.pbx, "path": fact.path}
        ),
        counter=NO_COUNTER,
    ),
)
