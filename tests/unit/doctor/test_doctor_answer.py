"""The hook passes if a verdict comes back, and one that was really judged."""

import re

import pytest

from pbxbilling.agi.sessions.protocol import command
from pbxbilling.calls.admission.hook import Verdict
from pbxbilling.config.sections import AgiSettings
from pbxbilling.config.value_types import NAME
from pbxbilling.doctor.check import Result
from pbxbilling.doctor.hook import STRANGER, judge_answer
from pbxbilling.kernel.codes import Reason

AGI = AgiSettings()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (command(Verdict(admit=True)), Result.OK),
        (command(Verdict(admit=False, reason=Reason.SUSPENDED)), Result.OK),
        (command(Verdict(admit=True, reason=Reason.DEADLINE)), Result.WARN),
        (b"HTTP/1.1 400 Bad Request\r\n", Result.FAIL),
        (b"", Result.FAIL),
    ],
)
def test_an_answer_is_judged_by_what_it_is(answer: bytes, result: Result) -> None:
    assert judge_answer(AGI, answer, 1.0).result is result


def test_no_pbx_can_have_the_name_that_the_hook_is_asked_by() -> None:
    assert re.fullmatch(NAME, STRANGER) is None
