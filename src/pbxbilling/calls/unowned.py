"""What hooks and live legs without a tenant were known by in the last day.

A new site sees nothing limited or billed until its account codes and DIDs are in the accounts.
"""

from __future__ import annotations

from collections import deque

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import LegAnswered
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.views import UnownedView
from pbxbilling.kernel.codes import Direction, LegDirection, Reason
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.numbers import check_number, found_by
from pbxbilling.kernel.ports import Clock

DAY_S = 86_400.0
HOUR_S = 3_600.0
MOST = 100  # values of a kind; anybody can call numbers that nobody has
_NOT_READ = frozenset({Reason.DEADLINE, Reason.MALFORMED})
LONGEST = 80  # characters of an account code in Asterisk


class _Heard:
    """Values of one kind, each with how often and when it was heard last."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, int, float]] = {}

    def add(self, key: str, value: str, mono: float) -> None:
        """Note a value; beyond `MOST` the one heard least often, and longest ago, goes."""
        if not (0 < len(value) <= LONGEST and value.isprintable()):
            return
        first, times, _ = self._values.get(key, (value, 0, mono))
        self._values[key] = first, times + 1, mono
        if len(self._values) > MOST:
            others = (one for one in self._values if one != key)
            del self._values[min(others, key=lambda one: self._values[one][1:])]

    def since(self, mono: float) -> list[str]:
        """Return the values heard since then, those heard most often first; forget the others."""
        self._values = {key: one for key, one in self._values.items() if one[2] >= mono}
        return [value for value, _, _ in sorted(self._values.values(), key=lambda one: -one[1])]


class UnownedCalls:
    """A sink of facts; `view` shows what no tenant has to this day."""

    def __init__(self, ledger: Ledger, in_force: InForce, trust: Trust, clock: Clock) -> None:
        self._ledger = ledger
        self._trust = trust
        self._in_force = in_force
        self._clock = clock
        self._hooks = 0
        self._hours: deque[tuple[float, int]] = deque()  # the hour's beginning, its hooks
        self._codes = _Heard()
        self._dids = _Heard()

    def sink(self, fact: Fact) -> None:
        """Note a hook or leg without a tenant; ignore all others."""
        if isinstance(fact, AdmissionDecided):
            if fact.tenant is None:
                self._hook(fact)
        elif isinstance(fact, LegAnswered) and fact.leg.tenant is None:
            self._leg(fact.leg)

    def _hook(self, fact: AdmissionDecided) -> None:
        mono, request = self._clock.monotonic(), fact.request
        if fact.decision.reason in _NOT_READ or (
            request.pbx and request.pbx not in self._trust.links
        ):
            return  # not all of it was read, or it is of no PBX of ours, as the doctor's own
        self._hooks += 1
        hour = mono - mono % HOUR_S
        if self._hours and self._hours[-1][0] == hour:
            hour, hooks = self._hours.pop()
            self._hours.append((hour, hooks + 1))
        else:
            self._hours.append((hour, 1))
        self._forget_hours(mono)
        for code in {request.tenant, request.accountcode}:
            self._codes.add(code, code, mono)
        if request.direction is Direction.INBOUND:
            self._did(request.did, mono)

    def _forget_hours(self, mono: float) -> None:
        while self._hours and self._hours[0][0] <= mono - DAY_S - HOUR_S:
            self._hours.popleft()

    def _leg(self, leg: LegRecord) -> None:
        mono = self._clock.monotonic()
        channel = self._ledger.channels.get(leg.key)
        call = channel.call if channel is not None else None
        channels = [*([channel] if channel else []), *(call.channels if call else [])]
        for code in {one.accountcode for one in channels}:
            self._codes.add(code, code, mono)
        if leg.direction is LegDirection.INBOUND:
            self._did(leg.number, mono)

    def _did(self, number: str, mono: float) -> None:
        try:
            self._dids.add(found_by(number), check_number(number), mono)
        except ValueError:
            return  # no number, so no tenant can have it

    def view(self) -> UnownedView:
        """Return hooks and values of the last day that no tenant has now."""
        mono, registry = self._clock.monotonic(), self._in_force.registry
        self._forget_hours(mono)
        return UnownedView(
            hooks=self._hooks,
            hooks_of_a_day=sum(hooks for _, hooks in self._hours),
            accountcodes=tuple(
                code for code in self._codes.since(mono - DAY_S) if registry.named(code) is None
            ),
            dids=tuple(
                did for did in self._dids.since(mono - DAY_S) if registry.owner(did=did) is None
            ),
        )
