"""What waits for the broker: events in their order, and whose states are to be told. Bounded."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged, SubjectKind
from pbxbilling.calls.live.facts import CallChanged, CallEnded, CallStarted, LegEnded
from pbxbilling.kernel.facts import ConfigReloaded, Fact
from pbxbilling.mqtt.messages import EVENTS


class Outbox:
    """Facts in, batches out.

    Beyond `capacity` waiting events the oldest are dropped, and counted in `dropped`. Of states
    it is only kept whose are to be told: they are looked up when they leave, so that only the
    newest does, and a tenant waits once whatever happens to it.
    """

    def __init__(self, capacity: int, tenants: Callable[[], Sequence[str]]) -> None:
        """`tenants`: all of them, by slug."""
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
        """Events that wait."""
        return len(self._events)

    @property
    def has_states(self) -> bool:
        """Whether any state is to be told."""
        return bool(self._changed or self._others or self._all_due)

    def put(self, fact: Fact) -> bool:
        """Take a fact; whether it leads to a message. The hot path: two look-ups."""
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
        """The state of a tenant may have changed."""
        if tenant is not None:
            self._changed[tenant] = None

    def touch_all(self) -> None:
        """Any state may have changed: tell all, after those of which it is known."""
        self._all_due = True

    def take_events(self, most: int) -> list[Fact]:
        """The oldest events."""
        return [self._events.popleft() for _ in range(min(most, len(self._events)))]

    def put_back(self, events: Sequence[Fact]) -> None:
        """These did not leave; they are the oldest again."""
        room = max(0, self.capacity - len(self._events))
        kept = events[len(events) - room :] if room < len(events) else events
        self.dropped += len(events) - len(kept)
        self._events.extendleft(reversed(kept))

    def take_tenants(self, most: int) -> list[str]:
        """Whose states to tell next: those known to have changed and all others take turns."""
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
        """Nobody is to be told any more."""
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
