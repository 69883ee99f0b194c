"""The decision itself: the result of a breach in each mode."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.admission.decision import decide
from pbxbilling.calls.live.load import Breach
from pbxbilling.kernel.codes import Mode, Outcome, Reason

breaches = st.none() | st.builds(Breach, st.sampled_from(Reason))


@given(breaches, st.booleans())
def test_log_mode_never_refuses(breach: Breach | None, true: bool) -> None:
    decision = decide(breach, Mode.LOG, counts_are_true=true)
    assert not decision.refused
    assert (decision.outcome is Outcome.WOULD_REFUSE) is (breach is not None)


@given(breaches, st.booleans())
def test_off_mode_asks_nobody_what_would_have_been(breach: Breach | None, true: bool) -> None:
    assert decide(breach, Mode.OFF, counts_are_true=true).outcome is Outcome.ADMIT
