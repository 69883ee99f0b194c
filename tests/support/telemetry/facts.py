"""Facts as the core would publish them, for all that consumes facts."""

from collections.abc import Mapping
from datetime import timedelta

from pbxbilling.calls.admission.decision import ADMITTED, Decision
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import Fact
from pbxbilling.telemetry.facts.fact_lines import line_of
from pbxbilling.telemetry.facts.line import Line, Mask, masked
from tests.support.kernel.leaves import leaves
from tests.support.kernel.samples import AT, CALLED, CALLER, sample
from tests.support.store.records import call, ended_leg, leg

KEY = ChannelKey("pbx1", "1795222182.1")

CALL = call(pbx="pbx1", caller=CALLER, number=CALLED, started_at=AT, hooked=True)
LEG = leg(key=KEY, caller=CALLER, number=CALLED, started_at=AT, answered_at=None)
ENDED_LEG = ended_leg(
    key=KEY,
    caller=CALLER,
    number=CALLED,
    started_at=AT,
    answered_at=AT,
    ended_at=AT + timedelta(seconds=61),
    talk_us=61_000_000,
    billed_s=120,
)


def decided(
    decision: Decision = ADMITTED,
    mode: Mode = Mode.ENFORCE,
    *,
    tenant: str | None = "acme",
    number: str = CALLED,
) -> AdmissionDecided:
    """Return the decision of a hook for the call above."""
    request = HookRequest(
        uniqueid="1795222182.0",
        channel="PJSIP/phone-00000000",
        tenant=tenant or "",
        linkedid="1795222182.0",
        number=number,
        pbx="pbx1",
        caller=CALLER,
    )
    return AdmissionDecided(AT, request, decision, mode, tenant, "c1")


# Only where the types alone give no valid sample; all other facts need nothing here.
BY_HAND: Mapping[type[Fact], Fact] = {
    AdmissionDecided: decided(),  # the breach has to fit the verdict
    LegEnded: LegEnded(AT, ENDED_LEG),  # `before` has to be an earlier state of the leg
}


def one_of_each() -> list[Fact]:
    """Return every kind of fact of the sources once."""
    facts: list[Fact] = []
    for kind in sorted(leaves(Fact), key=lambda kind: (kind.__module__, kind.__qualname__)):
        fact = BY_HAND.get(kind) or sample(kind)
        assert isinstance(fact, Fact)
        facts.append(fact)
    return facts


def written(fact: Fact, mask: Mask = masked) -> Line:
    """Return the line of a fact that has one."""
    line = line_of(fact, mask)
    assert line is not None, f"{type(fact).__name__} has no line"
    return line
