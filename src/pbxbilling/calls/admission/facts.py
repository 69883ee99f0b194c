"""The fact that a hook was decided, for the store, logs, metrics and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.calls.admission.decision import Decision
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import QueuedFact


@dataclass(slots=True, init=False)
class AdmissionDecided(QueuedFact):
    """A hook was decided. `call` None: nothing was reserved; `inside`: within an earlier call.

    Not frozen, and with a hand-written `__init__`: one is made for every hook, and this is faster
    under mypyc (docs/decisions/0011-a-compiled-core.md).
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
