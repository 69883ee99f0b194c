from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.journal import JournalRow
from pbxbilling.cel.lines import parse_lines
from tests.support.calls.journal_rows import line, row

HANGUP = (
    b'"HANGUP","1795230986.634969","1795230985.1","1795230985.0","PJSIP/carrier-00000001","acme",'
    b'"from-carrier","","0155501","","","AppDial",'
    b'"{""hangupcause"":16,""hangupsource"":""PJSIP/acme1-00000000"",""dialstatus"":""""}"\n'
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=12)
SHOWN = st.text(  # the rest is dropped from what people are shown
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), max_size=12
)
ROWS = st.builds(
    row,
    st.sampled_from(["CHAN_START", "ANSWER", "HANGUP", "A site's own"]),
    st.integers(0, 10**6),
    st.integers(0, 99),
    TEXTS,
    accountcode=SHOWN,
    caller=SHOWN,
    extra=TEXTS,
)


def test_a_row_of_a_real_asterisk() -> None:
    lines = parse_lines(HANGUP, more=False)
    (told,) = lines.rows
    assert told.at == datetime(2026, 11, 21, 3, 16, 26, 634969, UTC)
    assert told == JournalRow(
        "HANGUP",
        told.at,
        "1795230985.1",
        "1795230985.0",
        "PJSIP/carrier-00000001",
        accountcode="acme",
        context="from-carrier",
        caller="0155501",
        application="AppDial",
        extra='{"hangupcause":16,"hangupsource":"PJSIP/acme1-00000000","dialstatus":""}',
    )
    assert lines[1:] == (0, len(HANGUP))


def test_a_line_that_is_not_written_to_its_end_waits() -> None:
    lines = parse_lines(HANGUP + HANGUP[:-1], more=False)
    assert len(lines.rows) == 1
    assert lines.consumed == len(HANGUP)


def test_a_caller_in_latin_1_is_read() -> None:
    written = line(row("ANSWER", 1, 1, caller="@")).replace(b"@", b"M\xfcller")
    assert parse_lines(written, more=False).rows[0].caller == "Müller"


@given(TEXTS, TEXTS)
def test_no_caller_or_number_has_what_a_terminal_obeys(caller: str, number: str) -> None:
    hostile = f"666\x1b[31m\u009b2J\u202e{caller}"
    written = line(row("ANSWER", 1, 1, caller=hostile, exten=number, dnid=number))
    (told,) = parse_lines(written, more=False).rows
    shown = (told.caller, told.exten, told.dnid, told.accountcode, told.context)
    assert all(map(str.isprintable, shown))
    assert told.caller.startswith("666[31m2J")


def test_what_a_caller_writes_cannot_pass_for_a_row() -> None:
    forged = line(row("HANGUP", 1, 1)).decode()
    written = line(row("ANSWER", 1, 2, caller=f"\n{forged}"))
    honest = row("ANSWER", 1, 2, caller=forged.strip())
    assert parse_lines(written, more=False).rows == (honest,)


def test_lines_of_others_are_counted_and_skipped() -> None:
    written = b"# a comment\n\n" + HANGUP + b'"acme","0155501"\n\xff\xfe\x00"\n' + HANGUP
    lines = parse_lines(written, more=False)
    assert (len(lines.rows), lines.skipped) == (2, 3)


@pytest.mark.parametrize("columns", [12, 14])
def test_a_line_of_other_columns_is_no_row(columns: int) -> None:
    written = b",".join([b'"ANSWER","1795230986.6"', *([b'"1"'] * (columns - 2))]) + b"\n"
    assert parse_lines(written, more=False).skipped == 1


@pytest.mark.parametrize("time", ["", "2026-11-21 10:42:00", "99999999999999", "-1", "1e9", "٣"])
def test_a_time_in_another_form_is_no_row(time: str) -> None:
    written = HANGUP.replace(b"1795230986.634969", time.encode())
    lines = parse_lines(written, more=False)
    assert (lines.rows, lines.skipped) == ((), 1)


@given(st.lists(ROWS, max_size=6), ROWS, st.integers(1, 60), ROWS)
def test_a_row_that_was_cut_short_costs_no_other(
    before: list[JournalRow], cut: JournalRow, kept: int, after: JournalRow
) -> None:
    """Asterisk wrote on behind it, with or without a line feed between."""
    lines = [line(told) for told in before]
    for between in (b"", b"\n"):
        written = b"".join(lines) + line(cut)[:kept] + between + line(after) + line(after)
        rows = parse_lines(written, more=False).rows
        assert rows[: len(before)] == tuple(before)
        assert rows[-1] == after


@given(st.lists(ROWS, max_size=8), st.data())
def test_any_cut_into_reads_gives_the_same_rows(
    told: list[JournalRow], data: st.DataObject
) -> None:
    written = b"".join(map(line, told))
    rows: list[JournalRow] = []
    at = 0
    while at < len(written):
        read = data.draw(st.integers(at + 1, len(written)))
        lines = parse_lines(written[at:read], more=False)
        assert not lines.skipped
        rows += lines.rows
        at += lines.consumed
        if read == len(written):
            break
    assert rows == told


@given(st.binary(max_size=600), st.lists(ROWS, max_size=3), st.booleans())
def test_garbage_never_raises(garbage: bytes, told: list[JournalRow], more: bool) -> None:
    written = garbage + b"".join(map(line, told)) + garbage
    lines = parse_lines(written, more=more)
    assert 0 <= lines.consumed <= len(written)


def test_a_chunk_without_an_end_of_a_row_is_given_up() -> None:
    assert parse_lines(b"\0" * 4096, more=True) == ((), 1, 4096)
    assert parse_lines(b"\0" * 4096, more=False) == ((), 0, 0)
