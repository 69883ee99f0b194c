"""Saved statements, and the calls behind their lines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pbxbilling.billing.statements.lookup import StatementLookup
from pbxbilling.billing.statements.statement import StatementKind
from pbxbilling.kernel.errors import NotFoundError
from tests.support.billing.statements import Office, utc
from tests.support.kernel.actors import named

OVERAGE = "overage:500000"


async def closed() -> tuple[Office, StatementLookup]:
    """November has a call within the allowance, one across its end, one late; December is open."""
    office = Office("2026-11-20T00:00")
    await office.closer.look()
    await office.statements.save_now("acme", named("root"))
    await office.called("2026-11-21T10:00", 1)
    await office.called("2026-11-22T10:00", 3)
    await office.at("2026-12-01T00:00")
    await office.called("2026-11-23T10:00", 1)
    await office.called("2026-12-02T10:00", 1)
    await office.at("2026-12-03T00:00")
    return office, StatementLookup(office.statements, office.store, office.store.statement_store)


async def test_a_saved_statement_comes_back_whole() -> None:
    office, archive = await closed()
    issued = await archive.show("acme", "2026-11")
    assert (issued.number, issued.statement.kind) == (0, StatementKind.FINAL)
    assert issued.statement.net == office.finals[0].net == 1100
    assert [rated.billed_s for rated in issued.statement.legs] == [60, 180]
    assert (await archive.show("acme", None)) == issued
    copy = await archive.show("acme", "2026-11", 1)
    assert (copy.statement.kind, copy.statement.net) == (StatementKind.INTERIM, 1000)


async def test_a_statement_that_is_not_there_is_said() -> None:
    _, archive = await closed()
    with pytest.raises(NotFoundError, match="no saved statement of 2026-12"):
        await archive.show("acme", "2026-12")
    with pytest.raises(NotFoundError, match="its copies are 1"):
        await archive.show("acme", "2026-11", 7)
    with pytest.raises(NotFoundError, match="tenant 'nobody' is unknown"):
        await archive.listed("nobody", None)


async def test_a_line_is_opened_down_to_its_calls() -> None:
    _, archive = await closed()
    every = await archive.calls("acme", "2026-11")
    assert (every.number, [one.billed.rated.billed_s for one in every.calls]) == (0, [60, 180])
    (beyond,) = (await archive.calls("acme", "2026-11", OVERAGE)).calls
    charged = beyond.billed.rated
    assert (charged.included_s, charged.charged_s, beyond.caller) == (60, 120, "101")
    assert beyond.answered_at == utc("2026-11-22T10:00") - timedelta(minutes=3)
    with pytest.raises(NotFoundError, match=f"it has .*{OVERAGE}"):
        await archive.calls("acme", "2026-11", "nothing")


async def test_late_calls_are_on_the_line_of_their_adjustment() -> None:
    _, archive = await closed()
    december = await archive.calls("acme", None)
    assert (december.number, december.month) == (None, "2026-12")
    assert [(one.billed.rated.line, one.billed.of_month) for one in december.calls] == [
        ("late:2026-11", "2026-11"),
        ("", "2026-12"),
    ]


async def test_a_statement_s_calls_outlive_their_records() -> None:
    office, archive = await closed()
    office.store.known_legs.clear()
    calls = (await archive.calls("acme", "2026-11")).calls
    assert [(one.billed.rated.billed_s, one.caller, one.answered_at) for one in calls] == [
        (60, None, None),
        (180, None, None),
    ]
