"""The statuses of a tenant, and the table of transitions that may change one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pbxbilling.kernel.codes import Code


class Status(Code):
    """The one list of statuses; a gateway's own spellings are translated before they get here."""

    TRIAL = "trial"
    ACTIVE = "active"
    PAST_DUE = "past_due"  # a payment failed, and the gateway retries
    GRACE_PERIOD = "grace_period"  # expired, inside the grace window
    READ_ONLY = "read_only"  # the grace window is over
    SUSPENDED = "suspended"  # by an operator's block; the lived status stays behind it
    CANCELLED = "cancelled"  # until a new subscription
    INCOMPLETE = "incomplete"  # waits for the first payment


PAYING = frozenset({Status.ACTIVE, Status.PAST_DUE})  # the plan's price is due
LEFT = frozenset({Status.READ_ONLY, Status.CANCELLED})  # it is due no more


class Blocker(Code):
    """What blocks a tenant. Blocks add up; lifting one lifts only that one."""

    OPERATOR = "operator"
    SUBSCRIPTION = "subscription"
    TRIAL = "trial"
    ALLOWANCE = "allowance"


class Transition(Code):
    """What changes a status, in the words of the audit trail."""

    TRIAL_BEGAN = "trial_began"
    TRIAL_ENDED = "trial_ended"
    GRACE_ENDED = "grace_ended"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    COLLECTION_STOPPED = "collection_stopped"
    AWAITS_PAYMENT = "awaits_payment"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    DECLARED = "declared"  # an operator set the status


class Edge(NamedTuple):
    """The statuses before and after a transition: an edge of the state machine."""

    before: frozenset[Status]
    after: frozenset[Status]


_LIVED = frozenset(Status) - {Status.SUSPENDED}


def _to(status: Status, *before: Status) -> Edge:
    return Edge(frozenset(before) or _LIVED, frozenset({status}))


TRANSITIONS: Mapping[Transition, Edge] = {
    Transition.TRIAL_BEGAN: _to(Status.TRIAL),
    Transition.TRIAL_ENDED: _to(Status.GRACE_PERIOD, Status.TRIAL),
    Transition.GRACE_ENDED: _to(
        Status.READ_ONLY, Status.TRIAL, Status.GRACE_PERIOD, Status.PAST_DUE
    ),
    Transition.PAID: _to(Status.ACTIVE),
    Transition.PAYMENT_FAILED: _to(Status.PAST_DUE),
    Transition.COLLECTION_STOPPED: _to(Status.READ_ONLY),
    Transition.AWAITS_PAYMENT: _to(Status.INCOMPLETE),
    Transition.CANCELLED: _to(Status.CANCELLED),
    Transition.SUSPENDED: _to(Status.SUSPENDED),
    Transition.REINSTATED: Edge(frozenset({Status.SUSPENDED}), _LIVED),
    Transition.DECLARED: Edge(_LIVED, _LIVED),
}


def check_transition(transition: Transition, before: Status, after: Status) -> None:
    """Raise ValueError where the table has no such transition between these two statuses."""
    known = TRANSITIONS[transition]
    if before not in known.before or after not in known.after:
        msg = f"transition {transition} is not possible from {before} to {after}"
        raise ValueError(msg)
