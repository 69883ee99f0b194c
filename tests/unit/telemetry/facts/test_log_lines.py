"""What the log shows of each fact, and what it omits."""

import logging
from dataclasses import replace

import orjson
import pytest

from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.calls.admission.decision import EMERGENCY, Decision
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.load import Breach
from pbxbilling.kernel.codes import Mode, Outcome, Reason
from pbxbilling.kernel.facts import ConfigReloaded, Fact
from pbxbilling.telemetry.facts.line import in_full, masked
from pbxbilling.telemetry.facts.table import TABLE
from pbxbilling.telemetry.logs import Log, StandardHandler
from tests.support.kernel.clock import Clock
from tests.support.kernel.samples import AT, CALLED, CALLER
from tests.support.telemetry.facts import ENDED_LEG, decided, one_of_each, written

FULL = Breach(Reason.MAX_CALLS, 5, 5)
WITH_A_LINE = [fact for fact in one_of_each() if TABLE[type(fact)].line is not None]


class Lines(list[bytes]):
    """An output that records its lines."""

    def write(self, line: bytes) -> None:
        self.append(line)


@pytest.fixture
def lines() -> Lines:
    return Lines()


def log_to(lines: Lines, form: str = "json", level: str = "info") -> Log:
    return Log(lines, Clock(AT), form, level)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("fact", WITH_A_LINE, ids=lambda fact: type(fact).__name__)
def test_one_fact_makes_one_line(lines: Lines, fact: Fact, form: str) -> None:
    log_to(lines, form, "debug").sink(fact)
    assert len(lines) == 1
    assert lines[0].count(b"\n") == 1
    assert lines[0].endswith(b"\n")


@pytest.mark.parametrize("fact", WITH_A_LINE, ids=lambda fact: type(fact).__name__)
def test_no_line_above_debug_shows_a_whole_number(lines: Lines, fact: Fact) -> None:
    log_to(lines).sink(fact)
    for line in lines:
        assert CALLED not in line.decode()
        assert CALLER not in line.decode()


def test_debug_shows_numbers_in_full(lines: Lines) -> None:
    log_to(lines, level="debug").sink(decided())
    assert orjson.loads(lines[0])["number"] == CALLED


def test_a_masked_number_keeps_at_most_its_last_three_digits() -> None:
    assert [masked(n) for n in ("+4915112345678", "1234", "12", "")] == [
        "***678",
        "***34",
        "***",
        "",
    ]


def test_an_admission_is_one_line_at_info(lines: Lines) -> None:
    log_to(lines).sink(decided())
    assert orjson.loads(lines[0]) == {
        "event": "call admitted",
        "level": "info",
        "timestamp": "2026-11-21T10:42:00.250000+00:00",
        "tenant": "acme",
        "direction": "outbound",
        "reason": "ok",
        "number": "***678",
        "caller": "***123",
        "call": "c1",
        "pbx": "pbx1",
        "uniqueid": "1795222182.0",
        "linkedid": "1795222182.0",
    }


def test_the_quick_way_of_an_admission_writes_what_the_ordinary_one_would(lines: Lines) -> None:
    log = log_to(lines)
    fact = decided(Decision(Outcome.REFUSE, Reason.MAX_CALLS, FULL))
    log.sink(fact)
    line = written(fact, masked)
    log.warning(line.event, timestamp=AT, **line.fields)
    quick, ordinary = map(orjson.loads, lines)
    assert quick == ordinary


def test_log_mode_says_what_it_would_block(lines: Lines) -> None:
    log_to(lines).sink(decided(Decision(Outcome.WOULD_REFUSE, Reason.MAX_CALLS, FULL), Mode.LOG))
    line = orjson.loads(lines[0])
    assert line["event"].startswith("[PLAN-LIMIT:log] would block outbound call of acme")
    assert (line["tenant"], line["reason"], line["used"], line["limit"]) == (
        "acme",
        "max_calls",
        5,
        5,
    )
    assert (line["level"], line["call"], line["pbx"]) == ("warning", "c1", "pbx1")


def test_enforce_mode_says_what_it_blocked(lines: Lines) -> None:
    log_to(lines).sink(decided(Decision(Outcome.REFUSE, Reason.MAX_CALLS, FULL)))
    line = orjson.loads(lines[0])
    assert line["event"] == (
        "[PLAN-LIMIT:enforce] blocked outbound call of acme: max_calls, 5 of 5 used"
    )


def test_an_unreconciled_pbx_in_enforce_mode_is_logged_as_in_log_mode(lines: Lines) -> None:
    log_to(lines).sink(decided(Decision(Outcome.WOULD_REFUSE, Reason.UNRECONCILED, FULL)))
    line = orjson.loads(lines[0])
    assert line["event"].startswith("[PLAN-LIMIT:log] would block")
    assert (line["reason"], line["breach"]) == ("unreconciled", "max_calls")


def test_a_breach_without_numbers_is_logged_without_them(lines: Lines) -> None:
    suspended = Decision(Outcome.REFUSE, Reason.SUSPENDED, Breach(Reason.SUSPENDED))
    log_to(lines).sink(decided(suspended, tenant=None))
    assert orjson.loads(lines[0])["event"] == (
        "[PLAN-LIMIT:enforce] blocked outbound call of an unknown tenant: suspended"
    )


def test_an_emergency_call_is_a_warning_and_shows_the_service(lines: Lines) -> None:
    log_to(lines).sink(decided(EMERGENCY, number="112"))
    line = orjson.loads(lines[0])
    assert (line["level"], line["event"], line["number"]) == (
        "warning",
        "emergency call admitted",
        "112",
    )


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    log = log_to(lines, level="error")
    log.sink(decided())
    log.warning("almost")
    log.error("said")
    assert [orjson.loads(line)["event"] for line in lines] == ["said"]


def test_a_reload_changes_form_and_level(lines: Lines) -> None:
    log = log_to(lines, level="error")
    log.configure("console", "info")
    log.info("listening", address="127.0.0.1:4590")
    assert b"listening address='127.0.0.1:4590'" in lines[0]


def test_a_caller_cannot_forge_a_line_or_paint_the_terminal(lines: Lines) -> None:
    hostile = decided()
    hostile.request.caller = "x\n2026 [info] \x1b[31mforged"
    for form in ("json", "console"):
        log_to(lines, form, "debug").sink(hostile)
    for line in lines:
        assert line.count(b"\n") == 1
        assert b"\x1b" not in line


def test_bytes_that_were_no_text_still_make_a_line(lines: Lines) -> None:
    hostile = decided()
    hostile.request.caller = "\udcff123"
    for form in ("json", "console"):
        log_to(lines, form, "debug").sink(hostile)
    assert all(b"udcff" in line for line in lines)


def test_a_rejected_reload_is_an_error(lines: Lines) -> None:
    log_to(lines).sink(ConfigReloaded(AT, Mode.LOG, "FILE:3: agi.deadline_ms: expected …"))
    line = orjson.loads(lines[0])
    assert (line["level"], line["event"]) == (
        "error",
        "config rejected: the last good one stays in force",
    )


def test_a_change_names_what_it_is_about_as_the_audit_trail_does() -> None:
    line = written(AccountsChanged(AT, "root", "apply", SubjectKind.TENANT, "acme"), in_full)
    assert line.fields == {"actor": "root", "action": "apply", "subject": "tenant acme"}


def test_an_answered_leg_without_a_tenant_is_a_warning() -> None:
    line = written(LegEnded(AT, replace(ENDED_LEG, tenant=None)), in_full)
    assert line.level == logging.WARNING
    assert "usage assign" in line.event


def test_the_standard_library_s_warnings_join_the_log(lines: Lines) -> None:
    handler = StandardHandler(log_to(lines))
    error = ValueError("broken")
    handler.handle(
        logging.LogRecord("asyncio", 40, "", 0, "task %s", ("t",), (ValueError, error, None))
    )
    handler.handle(logging.LogRecord("uvicorn", 20, "", 0, "chatter", (), None))
    line = orjson.loads(lines[0])
    assert (line["event"], line["logger"], line["level"]) == ("task t", "asyncio", "error")
    assert "ValueError: broken" in line["exception"]
