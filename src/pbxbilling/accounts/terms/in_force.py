"""What is in force at this moment: the policy of the file and the accounts of the store."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.kernel.codes import Mode


@dataclass(slots=True)
class InForce:
    """One home for what a reload or an administrator replaces; every judgement asks it anew.

    Hand it over as it is: whoever keeps its `policy` goes by the one of yesterday.
    """

    policy: Policy
    registry: Registry

    @property
    def grace_days(self) -> int:
        """For how many days calls still pass after a trial or a subscription ended."""
        return self.policy.grace_days

    def mode_of(self, tenant: str | None) -> Mode:
        """The mode that a tenant's calls are judged in: its own, else the daemon's."""
        known = self.registry.tenants.get(tenant) if tenant is not None else None
        return self.policy.mode if known is None or known.mode is None else known.mode
