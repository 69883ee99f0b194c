"""What may be permitted, and which of it each shipped role has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing that a principal may do; permissions only add up. Scopes of tokens are these."""

    CALLS_READ = "calls.read"
    CALLS_RELEASE = "calls.release"
    TENANTS_READ = "tenants.read"
    TENANTS_WRITE = "tenants.write"
    USAGE_READ = "usage.read"
    USAGE_WRITE = "usage.write"
    MODE_WRITE = "mode.write"
    AUDIT_READ = "audit.read"
    SIGNUPS_REVIEW = "signups.review"
    BILLING_READ = "billing.read"
    BILLING_WRITE = "billing.write"
    BILLING_APPROVE = "billing.approve"
    PLANS_MANAGE = "saas.plans.manage"
    SUBSCRIPTIONS_MANAGE = "saas.subscriptions.manage"
    WALLETS_MANAGE = "saas.wallets.manage"
    INVOICES_MANAGE = "saas.invoices.manage"
    PAY = "pay"
    USERS_MANAGE = "users.manage"
    ROLES_MANAGE = "roles.manage"
    GATEWAYS_MANAGE = "gateways.manage"


class Role(StrEnum):
    """The roles that every installation has; others are copies of them."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    BILLING = "billing"
    ONBOARDING = "onboarding"
    SUPPORT = "support"
    MANAGER = "manager"
    OPERATOR = "operator"
    TENANT_ADMIN = "tenant_admin"
    TENANT_USER = "tenant_user"


P = Permission

EVERYTHING: Final = frozenset(Permission)
NEVER_A_TOKENS: Final = frozenset({P.USERS_MANAGE, P.ROLES_MANAGE, P.GATEWAYS_MANAGE})
SAAS_ADMIN: Final = frozenset(
    {P.PLANS_MANAGE, P.SUBSCRIPTIONS_MANAGE, P.WALLETS_MANAGE, P.INVOICES_MANAGE}
)
OF_A_TENANTS_TOKEN: Final = frozenset(
    {P.CALLS_READ, P.TENANTS_READ, P.USAGE_READ, P.USAGE_WRITE, P.BILLING_READ}
)
"""What the token of a tenant can have; it is for that tenant's objects alone."""

OF_A_TOKEN: Final = EVERYTHING - NEVER_A_TOKENS
"""What the token of an operator can have."""

_ADMIN = OF_A_TOKEN - {P.PAY}
_OWN = frozenset({P.CALLS_READ, P.TENANTS_READ, P.USAGE_READ})

SHIPPED_ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.SUPER_ADMIN: EVERYTHING - {P.PAY},
    Role.ADMIN: _ADMIN,
    Role.BILLING: frozenset(
        {
            P.CALLS_READ,
            P.TENANTS_READ,
            P.USAGE_READ,
            P.AUDIT_READ,
            P.BILLING_READ,
            P.BILLING_WRITE,
            P.BILLING_APPROVE,
        }
    ),
    Role.ONBOARDING: frozenset(
        {
            P.TENANTS_READ,
            P.TENANTS_WRITE,
            P.SIGNUPS_REVIEW,
            P.BILLING_READ,
            P.SUBSCRIPTIONS_MANAGE,
        }
    ),
    Role.SUPPORT: frozenset({P.CALLS_READ, P.TENANTS_READ, P.USAGE_READ, P.BILLING_READ}),
    Role.MANAGER: frozenset(
        {P.CALLS_READ, P.CALLS_RELEASE, P.TENANTS_READ, P.TENANTS_WRITE, P.USAGE_READ}
    ),
    Role.OPERATOR: frozenset({P.CALLS_READ, P.CALLS_RELEASE, P.TENANTS_READ}),
    Role.TENANT_ADMIN: _OWN | {P.BILLING_READ, P.PAY, P.USERS_MANAGE},
    Role.TENANT_USER: frozenset({P.CALLS_READ, P.TENANTS_READ}),
}
OF_TENANTS: Final = frozenset({Role.TENANT_ADMIN, Role.TENANT_USER})
"""Roles that a user can only have for one tenant, and that reach that tenant's objects alone."""


def of_token(tenant: str | None) -> frozenset[Permission]:
    """Return what a token can have: one of a tenant, or (None) an operator's."""
    return OF_A_TENANTS_TOKEN if tenant else OF_A_TOKEN
