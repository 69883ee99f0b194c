"""Turn what happened to calls in the ledger into facts."""

from __future__ import annotations

from pbxbilling.domain.call_facts import CallChanged, CallEnded, CallStarted
from pbxbilling.domain.call_news import CallNews
from pbxbilling.domain.ledger import Ledger
from pbxbilling.ports import EventSink

_FACTS: dict[CallNews, type[CallStarted | CallChanged | CallEnded]] = {
    CallNews.STARTED: CallStarted,
    CallNews.CHANGED: CallChanged,
    CallNews.ENDED: CallEnded,
}


def publish(ledger: Ledger, emit: EventSink) -> None:
    """Emit the ledger's news, in order, and forget them.

    A change right behind other news of the same call is in their record already.
    """
    if not ledger.news:
        return
    news, ledger.news = ledger.news, []
    told = None
    for what, call, at in news:
        if what is CallNews.CHANGED and call is told:
            continue
        told = call
        emit(_FACTS[what](at, call.record()))
