"""Plans and tenants by the names that somebody gives, and what is said where there are none."""

from __future__ import annotations

from pbxbilling.accounts.terms.registry import Registry, Terms
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import NotFoundError


def require_tenant(registry: Registry, slug: str) -> Tenant:
    """The tenant of that slug; raises NotFoundError."""
    tenant = registry.tenants.get(slug)
    if tenant is None:
        msg = f"tenant {slug!r} is unknown; `pbxbilling tenants` lists them, `apply` adds one"
        raise NotFoundError(msg)
    return tenant


def require_plan(registry: Registry, slug: str) -> Plan:
    """The plan of that slug; raises NotFoundError."""
    plan = registry.plans.get(slug)
    if plan is None:
        msg = f"plan {slug!r} is unknown; `pbxbilling plans` lists them, `apply` adds one"
        raise NotFoundError(msg)
    return plan


def require_terms(registry: Registry, slug: str) -> Terms:
    """The tenant of that slug with its plan; raises NotFoundError for either."""
    tenant = require_tenant(registry, slug)
    terms = registry.terms(slug)
    if terms is None:
        msg = f"tenant {slug}: its plan {tenant.plan!r} is unknown; `apply` one"
        raise NotFoundError(msg)
    return terms
