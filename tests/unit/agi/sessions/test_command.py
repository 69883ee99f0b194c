"""The verdict on its way back: one line that no content can break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.agi.sessions.protocol import COMMAND_MAX_BYTES, answer_code, command
from pbxbilling.calls.admission.hook import Verdict
from pbxbilling.kernel.codes import Reason

HEAD = b'SET VARIABLE __PBXBILLING "'


def test_a_verdict_is_one_command_with_an_inherited_variable() -> None:
    verdict = Verdict(
        admit=False, tenant="acme", direction="outbound", reason=Reason.MAX_CALLS, cause=17
    )
    assert command(verdict) == HEAD + b'REFUSE|acme|outbound|max_calls|17|||"\n'


def test_a_slug_of_another_script_goes_as_utf8() -> None:
    assert "zürich".encode() in command(Verdict(admit=True, tenant="zürich"))


@pytest.mark.parametrize("evil", ["|", '"', "\\", "\n", "\r", "\0", "\r\nHANGUP\n", "\ud800"])
def test_characters_of_meaning_do_not_get_out(evil: str) -> None:
    sent = command(Verdict(admit=False, tenant=f"ac{evil}me", call=f"1{evil}"))
    assert sent.startswith(HEAD + b"REFUSE|ac")
    assert sent.count(b"|") == 7


@given(st.text(), st.text(), st.text(), st.lists(st.text()).map(tuple))
def test_any_verdict_is_one_short_line_with_its_eight_fields(
    tenant: str, direction: str, call: str, flags: tuple[str, ...]
) -> None:
    sent = command(Verdict(admit=True, tenant=tenant, direction=direction, call=call, flags=flags))
    value = sent.removeprefix(HEAD).removesuffix(b'"\n')
    assert len(sent) == len(HEAD) + len(value) + 2
    assert len(sent) <= COMMAND_MAX_BYTES
    assert value.startswith(b"ADMIT|")
    assert value.count(b"|") == 7
    assert not set(value) & set(b'"\\\r\n\0')


@pytest.mark.parametrize("flood", ["x" * 5000, "😀" * 5000])
def test_the_longest_words_fit_asterisks_line(flood: str) -> None:
    verdict = Verdict(admit=True, tenant=flood, direction=flood, call=flood, flags=(flood,) * 9)
    assert len(command(verdict)) <= COMMAND_MAX_BYTES


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"200 result=1\n", 200),
        (b"200 result=1\r\n", 200),
        (b"HANGUP\n200 result=1\n", 200),
        (b"510 Invalid or unknown command\n", 510),
        (b"511 Command Not Permitted on a dead channel\n", 511),
        (b"520-Invalid command syntax.  Proper usage follows:\nUsage: x\n520 End", 520),
        (b"200 resu", None),
        (b"HANGUP\n", None),
        (b"", None),
        (b"2000\n", None),
        (b"200\n", 200),
    ],
)
def test_the_status_of_an_answer(lines: bytes, code: int | None) -> None:
    assert answer_code(lines) == code
