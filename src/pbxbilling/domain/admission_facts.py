"""What was decided of hooks, as facts for the store, logs, metrics and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.domain.admission import Decision
from pbxbilling.domain.codes import Mode
from pbxbilling.domain.facts import Fact
from pbxbilling.domain.hook import HookRequest


@dataclass(slots=True, init=False)
class AdmissionDecided(Fact):
    """A hook was judged. `call` is None where nothing was reserved; `inside` an earlier call.

    As all that is made for every call it is not frozen, and has its own `__init__`
    (docs/decisions/0011-a-compiled-core.md).
    """

    at: datetime
    request: HookRequest
    decision: Decision
    mode: Mode
    tenant: str | None
    call: str | None
    inside: bool

    def __init__(
        self,
        at: datetime,
        request: HookRequest,
        decision: Decision,
        mode: Mode,
        tenant: str | None,
        call: str | None,
        inside: bool = False,
    ) -> None:
        self.at = at
        self.request = request
        self.decision = decision
        self.mode = mode
        self.tenant = tenant
        self.call = call
        self.inside = inside
