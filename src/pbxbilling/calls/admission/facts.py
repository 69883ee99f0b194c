"""What was decided of hooks, as facts for the store, logs, metrics and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.calls.admission.decision import Decision
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import QueuedFact


@dataclass(slots=True, init=False)
class AdmissionDecided(QueuedFact):
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
