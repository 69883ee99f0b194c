"""A tenant's state as published to displays."""

from decimal import Decimal

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.calls.tenant_state import TenantState
from pbxbilling.kernel.codes import Mode
from tests.support.kernel.samples import AT

STATE = TenantState(
    at=AT,
    tenant="acme",
    plan="starter",
    status=Status.ACTIVE,
    blocks=(Blocker.OPERATOR,),
    mode=Mode.ENFORCE,
    calls=2,
    outbound_calls=2,
    inbound_calls=0,
    internal_calls=1,
    max_calls=5,
    month="2026-11",
    minutes=Decimal("12.5"),
    included_minutes=None,
)
