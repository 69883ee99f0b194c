"""How much of its included minutes each tenant has drawn, and which live legs are drawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.records import UsageRow


@dataclass(slots=True)
class Drawing:
    """A tenant's live legs that draw on its allowance, and when they will have used it up."""

    legs: dict[Channel, None] = field(default_factory=dict)
    empty_mono: float | None = None
    renewed_at: datetime | None = None


class Allowances:
    """Seconds drawn by ended legs, by tenant and month; `drawing`: live legs by tenant."""

    def __init__(self) -> None:
        self.drawing: dict[str, Drawing] = {}
        self._used_s: dict[tuple[str, str], int] = {}

    def load(self, rows: Iterable[UsageRow]) -> None:
        """Book what the store has as drawn."""
        for row in rows:
            self.book(row.tenant, row.month, row.allowance_s)

    def book(self, tenant: str | None, month: str | None, seconds: int) -> None:
        """Book seconds that an ended leg has drawn; a negative number gives them back."""
        if tenant is not None and month is not None and seconds:
            key = (tenant, month)
            self._used_s[key] = self._used_s.get(key, 0) + seconds

    def drawn_s(self, tenant: Tenant, at: datetime) -> int:
        """Return the seconds drawn by ended legs in the tenant's period that contains `at`."""
        return self._used_s.get((tenant.slug, tenant.period_at(at).month), 0)

    def remaining_s(self, terms: Terms, at: datetime, mono: float) -> float | None:
        """Return the seconds left of a hard allowance, less what live legs have drawn so far.

        None: the allowance is not hard.
        """
        limit_s = terms.plan.hard_allowance_s
        if limit_s is None:
            return None
        tenant = terms.tenant
        left = float(limit_s) - self.drawn_s(tenant, at)
        drawing = self.drawing.get(tenant.slug)
        if drawing is not None:
            left -= sum(talking_s(leg, mono) for leg in drawing.legs)
        return left

    def draw(self, leg: Channel, tenant: str) -> None:
        """Let a leg draw on the tenant's allowance from now on."""
        self.drawing.setdefault(tenant, Drawing()).legs[leg] = None
        leg.drawing_for = tenant

    def undraw(self, leg: Channel) -> None:
        """Stop a leg from drawing, if it draws."""
        tenant, leg.drawing_for = leg.drawing_for, None
        drawing = self.drawing.get(tenant) if tenant is not None else None
        if tenant is None or drawing is None:
            return
        drawing.legs.pop(leg, None)
        if not drawing.legs:
            del self.drawing[tenant]


def talking_s(leg: Channel, mono: float) -> float:
    """Return the seconds that a live leg has talked."""
    return max(0.0, mono - leg.talks_since_mono) if leg.answered_at is not None else 0.0
