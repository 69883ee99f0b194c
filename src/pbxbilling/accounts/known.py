"""Plans and tenants by the names that somebody gives, and what is said where there are none."""

from __future__ import annotations

from pbxbilling.accounts.terms.registry import AccountBook, Terms
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import NotKnownError


def known_tenant(book: AccountBook, slug: str) -> Tenant:
    """The tenant of that slug; raises NotKnownError."""
    tenant = book.tenants.get(slug)
    if tenant is None:
        msg = f"tenant {slug!r} is unknown; `pbxbilling tenants` lists them, `apply` adds one"
        raise NotKnownError(msg)
    return tenant


def known_plan(book: AccountBook, slug: str) -> Plan:
    """The plan of that slug; raises NotKnownError."""
    plan = book.plans.get(slug)
    if plan is None:
        msg = f"plan {slug!r} is unknown; `pbxbilling plans` lists them, `apply` adds one"
        raise NotKnownError(msg)
    return plan


def known_terms(book: AccountBook, slug: str) -> Terms:
    """The tenant of that slug with its plan; raises NotKnownError for either."""
    tenant = known_tenant(book, slug)
    terms = book.terms(slug)
    if terms is None:
        msg = f"tenant {slug}: its plan {tenant.plan!r} is unknown; `apply` one"
        raise NotKnownError(msg)
    return terms
