"""Release the slot of a live call, by an operator's command."""

from __future__ import annotations

from pbxbilling.calls.live.facts import SlotReleased
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.views import CallView
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.ports import Clock, EventSink


class SlotRelease:
    """Takes slots back in the ledger of live calls.

    `emit` receives the end of the call and `SlotReleased`, which names the operator.
    """

    def __init__(self, ledger: Ledger, clock: Clock, emit: EventSink) -> None:
        self._ledger = ledger
        self._clock = clock
        self._emit = emit

    def release(self, call: str, actor: Actor) -> CallView | None:
        """Release a call's slot; its channels live on and never count again. None: not live."""
        found = self._ledger.find(call)
        if found is None:
            return None
        view, record, at = CallView.of(found), found.record(), self._clock.now()
        self._ledger.drop(found, at)
        publish(self._ledger, self._emit)
        self._emit(SlotReleased(at, actor.name, record))
        return view
