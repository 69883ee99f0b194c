"""Turn what happened to calls in the ledger into facts.

The ledger notes what happened, and emits nothing itself: whoever changes it publishes afterwards.
"""

from __future__ import annotations

from pbxbilling.calls.live.facts import CallChanged
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.kernel.ports import EventSink


def discard(ledger: Ledger) -> None:
    """Forget the ledger's news untold: the store has told them already, in an earlier run."""
    ledger.news.clear()


def publish(ledger: Ledger, emit: EventSink) -> None:
    """Emit the ledger's news, in order, and forget them.

    A change right behind other news of the same call is in their record already.
    """
    if not ledger.news:
        return
    news, ledger.news = ledger.news, []
    told = None
    for kind, call, at in news:
        if kind is CallChanged and call is told:
            continue
        told = call
        emit(kind(at, call.record()))
