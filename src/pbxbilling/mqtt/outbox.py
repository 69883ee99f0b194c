"""Bounded queue for the broker: events in order, and the tenants whose states are due."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged, SubjectKind
from pbxbilling.calls.live.facts import CallChanged, CallEnded, CallStarted, LegEnded
from pbxbilling.kernel.facts import ConfigReloaded, Fact
from pbxbilling.mqtt.messages import EVENTS


class Outbox:
    """Takes facts, hands out batches.

    Beyond `capacity` waiting events the oldest are dropped, and counted in `dropped`. For states
    only the tenants are queued: a state is looked up when it leaves, so that only the newest is
    sent, and a tenant waits once whatever happens to it.
    """

    def __init__(self, capacity: int, tenants: Callable[[], Sequence[str]]) -> None:
        """`tenants`: returns the slugs of all tenants."""
        self.dropped = 0
        self.capacity = capacity
        self._tenants = tenants
        self._events: deque[Fact] = deque()
        self._changed: OrderedDict[str, None] = OrderedDict()
        self._others: list[str] = []
        self._all_due = False
        self._turn_of_others = True

    @property
    def events(self) -> int:
        """The number of events that wait."""
        return len(self._events)

    @property
    def has_states(self) -> bool:
        """Whether any state is due."""
        return bool(self._changed or self._others or self._all_due)

    def put(self, fact: Fact) -> bool:
        """Take a fact; return whether it leads to a message. The hot path: two look-ups."""
        kind = type(fact)
        is_event = kind in EVENTS
        if is_event:
            self._events.append(fact)
            while len(self._events) > self.capacity:
                self._events.popleft()
                self.dropped += 1
        touch = _TOUCHES.get(kind)
        if touch is not None:
            touch(self, fact)
        return is_event or touch is not None

    def touch(self, tenant: str | None) -> None:
        """Queue a tenant whose state may have changed."""
        if tenant is not None:
            self._changed[tenant] = None

    def touch_all(self) -> None:
        """Queue all tenants, as any state may have changed."""
        self._all_due = True

    def take_events(self, most: int) -> list[Fact]:
        """Take the oldest events, at most `most`."""
        return [self._events.popleft() for _ in range(min(most, len(self._events)))]

    def put_back(self, events: Sequence[Fact]) -> None:
        """Put events that were not sent back in front; drop the oldest beyond `capacity`."""
        room = max(0, self.capacity - len(self._events))
        kept = events[len(events) - room :] if room < len(events) else events
        self.dropped += len(events) - len(kept)
        self._events.extendleft(reversed(kept))

    def take_tenants(self, most: int) -> list[str]:
        """Take the next tenants: those known to have changed and all others alternate."""
        if self._all_due:
            self._all_due = False
            self._others = list(reversed(self._tenants()))
        taken: list[str] = []
        while len(taken) < most and (self._changed or self._others):
            self._turn_of_others = not self._turn_of_others
            if self._others and (self._turn_of_others or not self._changed):
                taken.append(self._others.pop())
            else:
                taken.append(self._changed.popitem(last=False)[0])
        return taken

    def clear(self) -> None:
        """Drop everything that waits."""
        self._events.clear()
        self._changed.clear()
        self._others, self._all_due = [], False


def _accounts_changed(outbox: Outbox, fact: AccountsChanged) -> None:
    if fact.kind is SubjectKind.TENANT:
        outbox.touch(fact.slug)
    else:  # a plan has many tenants
        outbox.touch_all()


_TOUCHES: Mapping[type, Callable[[Outbox, Any], None]] = {
    CallStarted: lambda outbox, fact: outbox.touch(fact.call.tenant),
    CallChanged: lambda outbox, fact: outbox.touch(fact.call.tenant),
    CallEnded: lambda outbox, fact: outbox.touch(fact.call.tenant),
    LegEnded: lambda outbox, fact: outbox.touch(fact.leg.tenant),
    StatusChanged: lambda outbox, fact: outbox.touch(fact.tenant),
    AccountsChanged: _accounts_changed,
    ConfigReloaded: lambda outbox, _: outbox.touch_all(),
}
