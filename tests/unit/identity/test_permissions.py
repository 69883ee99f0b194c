"""The table of roles, as the operator's guide has it."""

from __future__ import annotations

from pbxbilling.identity.permissions import OF_TENANTS, SHIPPED_ROLES, Permission, Role

# A line each: the permission, then the roles that have it; "own": for the role's one tenant.
TABLE = """
calls.read                 super_admin admin billing support manager operator tenant_admin tenant_user
calls.release              super_admin admin manager operator
tenants.read               super_admin admin billing onboarding support manager operator tenant_admin tenant_user
tenants.write              super_admin admin onboarding manager
usage.read                 super_admin admin billing support manager tenant_admin
usage.write                super_admin admin
mode.write                 super_admin admin
audit.read                 super_admin admin billing
signups.review             super_admin admin onboarding
billing.read               super_admin admin billing onboarding support tenant_admin
billing.write              super_admin admin billing
billing.approve            super_admin admin billing
saas.plans.manage          super_admin admin
saas.subscriptions.manage  super_admin admin onboarding
saas.wallets.manage        super_admin admin
saas.invoices.manage       super_admin admin
pay                        tenant_admin
users.manage               super_admin tenant_admin
roles.manage               super_admin
gateways.manage            super_admin
"""  # noqa: E501 - a table


def test_each_role_has_what_the_table_says() -> None:
    found = {
        permission: [role for role in Role if permission in SHIPPED_ROLES[role]]
        for permission in Permission
    }
    expected = {
        Permission(permission): [Role(role) for role in roles]
        for permission, *roles in map(str.split, TABLE.strip().splitlines())
    }
    assert found == expected


def test_the_roles_of_tenants_are_those_named_for_them() -> None:
    assert {role for role in Role if role.startswith("tenant")} == OF_TENANTS
