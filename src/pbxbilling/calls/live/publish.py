"""Turn what happened to calls in the ledger into facts.

The ledger only notes what happened and emits nothing: code that changes it publishes afterwards.
"""

from __future__ import annotations

from pbxbilling.calls.live.facts import CallChanged
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.kernel.ports import EventSink


def discard(ledger: Ledger) -> None:
    """Drop the ledger's news without emitting it: an earlier run has emitted it already."""
    ledger.news.clear()


def publish(ledger: Ledger, emit: EventSink) -> None:
    """Emit the ledger's news in order, and clear it.

    Skip a change that directly follows other news of the same call: that record includes it.
    """
    if not ledger.news:
        return
    news, ledger.news = ledger.news, []
    published = None
    for kind, call, at in news:
        if kind is CallChanged and call is published:
            continue
        published = call
        emit(kind(at, call.record()))
