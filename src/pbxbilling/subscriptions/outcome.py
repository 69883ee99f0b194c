"""What an event leads to beside the subscription: its own state, and the mirror of a customer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pbxbilling.kernel.gateway_names import COMMANDS, GatewayName
from pbxbilling.kernel.records import Record
from pbxbilling.subscriptions.events import EventState, Message, Topic
from pbxbilling.subscriptions.subscription import Customer, Subscription

_WITHOUT_TENANT = frozenset({Topic.METER_REPORT, Topic.CUSTOMER})  # these need no tenant


@dataclass(frozen=True, slots=True)
class FetchedState:
    """The gateway's answer about an event's subscription.

    `reached` is false where the gateway was not reached; `found` is None where it knows no such
    subscription.
    """

    reached: bool
    found: Subscription | None = None


NOT_FETCHED = FetchedState(reached=False)


def state_after(message: Message, fetched: FetchedState, tenant: str | None) -> EventState:
    """Return the state of an event that was applied."""
    if tenant is None and message.topic not in _WITHOUT_TENANT:
        return EventState.PARKED
    if message.subscription_id is not None and not fetched.reached:
        return EventState.UNCONFIRMED
    return EventState.DONE


def note_on(state: EventState, gateway: GatewayName) -> str:
    """Return the sentence that explains an event's state, if it needs one."""
    match state:
        case EventState.PARKED:
            return f"no tenant is linked to it: `{COMMANDS} link SUBSCRIPTION TENANT`"
        case EventState.UNCONFIRMED:
            return f"applied from the event alone: {gateway} could not be reached"
        case _:
            return ""


def changed_customer(message: Message, tenant: str | None, stored: Customer | None) -> list[Record]:
    """Return the customer of an event as a one-item list; empty if nothing is new."""
    told = message.customer or stored
    if told is None:
        told = Customer(message.customer_id or "", tenant, "", message.live)
    owner = (stored.tenant if stored is not None else None) or tenant
    deleted = told.deleted or (stored is not None and stored.deleted)
    known = replace(told, tenant=owner, deleted=deleted)
    return [known] if known != stored else []
