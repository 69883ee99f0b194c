"""Find the tenant that a gateway's subscription or customer fits, where nobody said whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.subscriptions.subscription import Subscription


class Evidence(StrEnum):
    """By which a tenant fits, the strongest first."""

    METADATA = "metadata"  # its slug is in the metadata, in other capitals perhaps
    CUSTOMER = "customer"  # the tenant has that customer
    MAIL = "mail"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """A gateway's customer with what may tell whose it is; `tenant` is in its metadata."""

    id: str
    name: str = ""
    email: str = ""
    tenant: str | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """The tenants that fit by the strongest evidence; more than one is for a person to decide."""

    tenants: tuple[str, ...] = ()
    by: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subscription, or a customer without one, that is nobody's.

    `plan` is the one that its prices sell, `status` the one that the fitting tenant would get, or
    None where it would change nothing of that. `problem` says why it cannot be linked as it is.
    """

    customer: CustomerProfile
    subscription: Subscription | None
    fit: Fit
    plan: str | None = None
    status: Status | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is nobody's, and sentences about what could not be read at the gateway."""

    rows: tuple[Candidate, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdoptionRow:
    """A row to link: a subscription, or a customer alone; `place` names it in error messages."""

    tenant: str
    subscription: str | None = None
    customer: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A row that was or would be linked: what it changes of its tenant."""

    tenant: str
    customer: str
    subscription: str | None
    plan_before: str
    plan: str
    status_before: Status
    status: Status


class TenantIndex:
    """Finds tenants by each kind of evidence; it is built once for many customers."""

    def __init__(self) -> None:
        self._by: dict[Evidence, dict[str, set[str]]] = {by: {} for by in Evidence}

    def add(self, tenant: Tenant) -> None:
        """Add a tenant; demos fit nothing."""
        if tenant.demo:
            return
        keys = {
            Evidence.METADATA: {_folded(tenant.slug)},
            Evidence.CUSTOMER: {tenant.customer or ""},
            Evidence.MAIL: {_folded(tenant.email)},
            Evidence.NAME: {_plain(tenant.name), _plain(tenant.slug)},
        }
        for by, words in keys.items():
            for word in words - {""}:
                self._by[by].setdefault(word, set()).add(tenant.slug)

    def fit(self, subscription: Subscription | None, customer: CustomerProfile) -> Fit:
        """Return the tenants that fit by the strongest evidence that any has."""
        stated = [customer.tenant, subscription.tenant if subscription is not None else None]
        keys = {
            Evidence.METADATA: {_folded(one) for one in stated},
            Evidence.CUSTOMER: {customer.id},
            Evidence.MAIL: {_folded(customer.email)},
            Evidence.NAME: {_plain(customer.name)},
        }
        for by, words in keys.items():
            found = {slug for word in words for slug in self._by[by].get(word, ())}
            if found:
                return Fit(tuple(sorted(found)), by)
        return Fit()


def unreadable(kind: str, ident: str, gateway: GatewayName) -> str:
    """Return the sentence about an id that a gateway does not list."""
    return f"{kind} {ident!r} is none of those that {gateway} lists and nobody has"


def _plain(text: str) -> str:
    """Return a name without capitals, blanks and punctuation."""
    return "".join(filter(str.isalnum, text.casefold()))


def _folded(text: str | None) -> str:
    return (text or "").strip().casefold()
