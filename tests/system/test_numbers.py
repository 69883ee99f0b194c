"""One number in several spellings on a real Asterisk: its price, and who may dial it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from rig.asterisk import Asterisk
from rig.waiting import until
from tests.support.daemon.stage import Stage, accounts
from tests.support.kernel.spellings import (
    BEHIND_ZERO,
    DIALLED_ANYHOW,
    NO_EMERGENCY,
    SPELLED_112,
    in_sip,
)

pytestmark = pytest.mark.asterisk

SPELLED = ("0155901", "0-155901", "01.55902", "0 155903", "0(155)904", "01_55905", "0155906#")
UNUSABLE = "0155x907"
PRICED = """
[plan.priced]
currency = "EUR"
included_minutes = 1000
overage_per_minute = "0.50"
[[plan.priced.destinations]]
prefix = "0155"
per_minute = "9.00"
[[plan.priced.destinations]]
prefix = "0156"
per_minute = "0.10"
"""
DEAR = ("destination:0155:9000000", 60, 0)
DEAREST = ("destination:9000000", 60, 0)
UNHOOKED = """
exten => _9!,1,Dial(PJSIP/0155901@carrier)
"""


def on_stage(
    asterisk: Asterisk,
    directory: Path,
    stack: ExitStack,
    *,
    site: str = "",
    plan: str = "",
    journal: bool = False,
) -> Stage:
    """Put acme on a plan with an expensive destination; `site` and `plan` are more TOML."""
    stage = Stage(asterisk, directory, stack, more=site, journal=journal)
    stage.daemon.apply(PRICED + plan + accounts("priced"))
    return stage


def talk(stage: Stage, *numbers: str) -> None:
    """Call each of the numbers, and hang up when it is answered."""
    for number in numbers:
        stage.phone.dial(in_sip(number)).hang_up()
    stage.daemon.wait_idle()


def billed(stage: Stage, legs: int) -> dict[str, tuple[str, int, int]]:
    """Number → line, seconds charged and seconds included on acme's statement."""

    def shown() -> list[dict[str, Any]] | None:
        statement = stage.daemon.get("/tenants/acme/statements/preview")
        found: list[dict[str, Any]] = statement["legs"]
        return found if len(found) == legs else None

    rated = until(shown, "the legs are billed")
    return {leg["number"]: (leg["line"], leg["charged_s"], leg["included_s"]) for leg in rated}


def test_every_spelling_is_sent_as_it_was_dialled_and_billed_at_the_numbers_rate(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = on_stage(asterisk, tmp_path, stack)
        talk(stage, *SPELLED)
        assert [leg.number for leg in stage.carrier.incoming] == list(map(in_sip_as_sent, SPELLED))
        kept = [number.translate(_BY_SUBROUTINE) for number in SPELLED]
        assert billed(stage, len(SPELLED)) == dict.fromkeys(kept, DEAR)


_BY_SUBROUTINE = str.maketrans("()", "__")


def in_sip_as_sent(number: str) -> str:
    """Return the user part of Asterisk's own INVITE, which escapes what must be escaped."""
    return number.replace(" ", "%20").replace("#", "%23")


def test_a_number_that_no_carrier_dials_is_refused_where_numbers_have_prices(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = on_stage(asterisk, tmp_path, stack)
        assert stage.refused_with(UNUSABLE) == 486
        assert stage.last_decision()["reason"] == "number_unusable"
        assert not stage.carrier.incoming


def test_a_site_may_have_it_at_the_dearest_rate(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = on_stage(asterisk, tmp_path, stack, site='[numbers]\nunusable = "dearest"\n')
        talk(stage, UNUSABLE)
        assert billed(stage, 1) == {UNUSABLE: DEAREST}


@pytest.mark.parametrize("known_by", ["ami", "journal"])
def test_a_leg_without_a_hook_has_the_number_that_was_dialled_for_it(
    asterisk: Asterisk, tmp_path: Path, known_by: str
) -> None:
    asterisk.add_dialplan(UNHOOKED)
    asterisk.journal.unlink(missing_ok=True)  # a daemon without a position reads all of it
    plan = '[[plan.priced.destinations]]\nprefix = "9155"\nper_minute = "9.00"\n'
    with ExitStack() as stack:
        stage = on_stage(asterisk, tmp_path, stack, plan=plan, journal=known_by == "journal")
        if known_by == "journal":
            stage.daemon.stop(SIGKILL)
        spelled = ("9-155901", "9 155.902", "9(155)903")
        for number in spelled:
            stage.phone.dial(in_sip(number)).hang_up()
        asterisk.wait_idle()
        if known_by == "journal":
            stage.daemon.start()
        dear = ("destination:9155:9000000", 60, 0)
        by_journal = dict.fromkeys(spelled, dear)  # which has no dial string
        found = billed(stage, len(spelled))
        assert found == (by_journal if known_by == "journal" else {"0155901": DEAR})


def test_the_daemon_takes_for_emergencies_what_the_subroutine_does(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    asterisk.add_dialplan(DIALLED_ANYHOW)
    emergencies = [*SPELLED_112, *BEHIND_ZERO]
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, more='[emergency]\nprefixes = ["0"]\n')
        stage.daemon.apply(accounts("none"))
        for number in emergencies:
            stage.phone.dial(in_sip(number)).hang_up()
        for number in NO_EMERGENCY:
            assert stage.refused_with(in_sip(number)) == 486, number
        counted = stage.daemon.metric("pbxbilling_emergency_calls_total", tenant="acme")
        assert counted == len(emergencies)
