"""Three calls become whole minutes on a statement, and the commands show it in every form."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest
from pypdf import PdfReader

from pbxbilling.billing.periods import cursor_of
from pbxbilling.kernel.records import Cursor
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.records import ended_leg

pytestmark = pytest.mark.system

NOW = SystemClock().now()

ACCOUNTS = """
[plan.office]
name = "Office"
currency = "EUR"
price = "20.00"
included_minutes = 1
overage_per_minute = "0.50"

[plan.team]
currency = "EUR"
price = "30.00"

[tenant.acme]
plan = "office"
name = "Łódź & Co."
accountcodes = ["acme"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path) as site:
        (tmp_path / "accounts.toml").write_text(ACCOUNTS)
        site.start()
        site.says("apply", str(tmp_path / "accounts.toml"))
        yield site


def test_three_calls_are_three_whole_minutes_on_the_statement(
    site: VirtualSite, tmp_path: Path
) -> None:
    for _ in range(3):
        assert site.call("acme", talk_s=0.2).result(patience_s(10)).admitted
    until(lambda: len(site.json("records", "--tenant", "acme")["calls"]) == 3, "calls on record")
    shown = site.json("statement", "preview", "acme")
    overage = next(line for line in shown["lines"] if line["kind"] == "overage")
    assert (overage["quantity"], overage["amount_minor"], shown["used_s"]) == (120, 100, 60)
    page = site.says("statement", "preview", "acme")
    assert "total 21.00 EUR" in page
    assert "included minutes 1, used 1.00; 3 calls" in page

    rows = list(csv.DictReader(StringIO(site.says("statement", "preview", "acme", "--csv"))))
    assert [row["net"] for row in rows] == ["20.00", "1.00"]
    calls = list(csv.DictReader(StringIO(site.says("records", "--tenant", "acme", "--csv"))))
    assert [call["billed_seconds"] for call in calls] == ["60", "60", "60"]
    file = tmp_path / "acme.pdf"
    site.says("statement", "preview", "acme", "--pdf", str(file))
    text = PdfReader(file).pages[0].extract_text()
    assert "Łódź & Co. (acme)" in text
    assert "21.00 EUR" in text

    opened = site.json("records", "--tenant", "acme", "--line", overage["key"])
    assert [call["charged_s"] for call in opened["calls"]] == [60, 60]


def test_copies_lines_and_plans_without_a_daemon_too(site: VirtualSite) -> None:
    site.says("oneoff", "add", "acme", "--amount", "5.00", "--reason", "sorry", "--kind", "credit")
    site.stop()
    said = site.says("statement", "save", "acme")
    assert "interim copy 1" in said
    (saved,) = json.loads(site.says("statements", "--json"))
    assert (saved["number"], saved["total"]) == (1, "15.00")
    month = saved["month"]
    assert "interim copy 1" in site.says(
        "statement", "show", "acme", "--month", month, "--number", "1"
    )
    assert "credit" in site.says("oneoff", "list", "acme")
    dry = site.says("plan", "change", "acme", "team", "--dry-run")
    assert "nothing was written: --dry-run" in dry
    site.says("plan", "change", "acme", "team")
    assert json.loads(site.says("tenants", "--json"))[0]["plan"] == "team"
    assert "has no saved statement" in site.fails("statement", "show", "acme")
    assert site.run("statement", "show", "acme", "--month", "11.2026").returncode == 2


def months_ago(months: int) -> datetime:
    """Return the beginning of the month so many before this one."""
    year, month = divmod(NOW.year * 12 + NOW.month - 1 - months, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


async def slept(database: Path, since: datetime) -> None:
    """Record that the tenant was billed until then, and called once a month since."""
    async with await SqlStore.open(SqliteFile(database)) as store:
        await store.commit([Cursor(cursor_of("acme"), since)])
        for months in (2, 1):
            ended_at = months_ago(months) + timedelta(days=9)
            answered_at = ended_at - timedelta(minutes=3)
            once = ended_leg(
                f"{months}.1",
                month=f"{ended_at:%Y-%m}",
                started_at=answered_at,
                answered_at=answered_at,
                ended_at=ended_at,
                talk_us=180_000_000,
            )
            await store.commit([once])


@pytest.mark.parametrize("number", [SIGTERM, SIGKILL])
def test_a_daemon_that_slept_closes_what_has_ended_when_the_journal_is_read(
    tmp_path: Path, number: int
) -> None:
    with VirtualSite(tmp_path, journal=True) as site:
        site.apply(ACCOUNTS)
        assert site.journal is not None
        site.journal.touch()
        asyncio.run(slept(site.database, months_ago(2)))
        site.start()
        final = until(lambda: len(site.get("/statements", tenant="acme")) == 2, "closed")
        assert final
        site.stop(number)
        site.start()
        found = site.json("statements", "--tenant", "acme")
        assert [(one["kind"], one["net"]) for one in found] == [("final", "21.00")] * 2
        assert found[0]["ends_at"] == found[1]["begins_at"]
        shown = site.json("statement", "show", "acme")
        assert (shown["month"], shown["notices"]) == (found[1]["month"], [])
        assert "statement saved" in site.log()


def test_a_price_that_is_applied_after_a_months_end_does_not_touch_that_month(
    tmp_path: Path,
) -> None:
    with VirtualSite(tmp_path) as site:
        site.apply(ACCOUNTS)
        asyncio.run(slept(site.database, months_ago(1)))
        (tmp_path / "accounts.toml").write_text(
            ACCOUNTS.replace('"20.00"', '"99.00"').replace('"0.50"', '"0.05"')
        )
        assert "price: 20.00 → 99.00" in site.says("apply", str(tmp_path / "accounts.toml"))
        site.start()
        (final,) = until(lambda: site.get("/statements", tenant="acme"), "the month is closed")
        shown = site.json("statement", "show", "acme", "--month", final["month"])
        assert [line["amount_minor"] for line in shown["lines"]] == [2000, 100]
        site.stop(SIGTERM)
