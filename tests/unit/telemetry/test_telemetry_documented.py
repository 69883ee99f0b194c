"""The documentation lists every metric and every kind of log line."""

import re
from pathlib import Path

import pytest

from pbxbilling.billing.facts import StatementSaved
from pbxbilling.calls.admission.decision import EMERGENCY, Decision
from pbxbilling.calls.live.load import Breach
from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.codes import Mode, Outcome, Reason
from pbxbilling.kernel.facts import ConfigReloaded, Fact
from pbxbilling.payments.facts import UsageSent
from pbxbilling.privacy.retention import Purged
from pbxbilling.telemetry.facts.table import TABLE
from pbxbilling.telemetry.metrics import Metrics
from tests.support.billing.figures import Figures
from tests.support.kernel.samples import AT, sample
from tests.support.telemetry.facts import decided, one_of_each, written

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "telemetry.md").read_text()

BREACH = Breach(Reason.SUSPENDED)
WITH_A_LINE = [fact for fact in one_of_each() if TABLE[type(fact)].line is not None]
SPECIAL = [
    decided(EMERGENCY),
    decided(Decision(Outcome.ADMIT, Reason.DEADLINE)),
    decided(Decision(Outcome.REFUSE, Reason.SUSPENDED, BREACH)),
    decided(Decision(Outcome.WOULD_REFUSE, Reason.SUSPENDED, BREACH), Mode.LOG),
    ConfigReloaded(AT, Mode.LOG),
    sample(StatementSaved, number=0),
    sample(StatementSaved, number=0, unread=()),
    sample(UsageSent, state=UsageEventState.SENT),
    sample(Purged, complete=False),
]


async def test_the_table_names_every_metric_and_no_other() -> None:
    metrics = Metrics("0", Figures(), lambda: 0)
    exposed = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in await metrics.families()
        if family.name.startswith("pbxbilling_")
    }
    assert set(re.findall(r"^\| `(pbxbilling_[a-z_]+)", TEXT, flags=re.MULTILINE)) == exposed


@pytest.mark.parametrize("fact", [*WITH_A_LINE, *SPECIAL], ids=lambda f: type(f).__name__)
def test_the_table_names_every_kind_of_line(fact: Fact) -> None:
    event = written(fact).event
    rows = [row.split("|")[1] for row in TEXT.splitlines() if row.startswith("| `")]
    begins = [start for row in rows for start in re.findall(r"`([^`]+)`", row)]
    assert any(event.startswith(start) for start in begins), event
