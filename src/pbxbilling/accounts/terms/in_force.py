"""What is in force at this moment: the policy of the file and the accounts of the store."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.kernel.codes import Mode


@dataclass(slots=True)
class InForce:
    """Holds what a reload or an administrator replaces; every decision reads it anew.

    Pass the object itself: a copy of its `policy` is out of date after the next reload.
    """

    policy: Policy
    registry: Registry

    @property
    def grace_days(self) -> int:
        """Return for how many days calls still pass after a trial or a subscription ended."""
        return self.policy.grace_days

    def tenant_of_pbx(self, pbx: str) -> str | None:
        """Return the tenant of whoever is unknown on this PBX; None where it has several."""
        slug = self.policy.tenants_of_pbxes.get(pbx)
        return slug if slug in self.registry.tenants else None

    def mode_of(self, tenant: str | None) -> Mode:
        """Return the mode in which a tenant's calls are judged: its own, else the daemon's."""
        known = self.registry.tenants.get(tenant) if tenant is not None else None
        return self.policy.mode if known is None or known.mode is None else known.mode
