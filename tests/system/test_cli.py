"""The command line as operators and scripts see it: its words, shapes and exit statuses."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE

import pytest

from pbxbilling.store.database.sqlite.migrate import migrate
from rig.program import PROGRAM
from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import NUMBER, VirtualSite

pytestmark = pytest.mark.system

ACCOUNTS = """
[plan.starter]
max_calls = 2
included_minutes = 500
[tenant.acme]
plan = "starter"
accountcodes = ["acme"]
"""
ME = pwd.getpwuid(os.getuid()).pw_name
LIVE = (["status"], ["calls"], ["release", "pbx1:1.1"])

CALL = {
    "call", "tenant", "pbx", "direction", "state", "started_at", "answered_at", "from", "to",
    "hooked", "over_limit", "emergency", "estimated", "legs",
}  # fmt: skip
LEG = {"channel", "uniqueid", "trunk", "direction", "state"}
USAGE = {
    "tenant", "month", "plan", "outbound_calls", "outbound_seconds", "outbound_minutes",
    "inbound_calls", "inbound_seconds", "inbound_minutes", "included_minutes", "overage_minutes",
}  # fmt: skip
TENANT = {
    "tenant", "plan", "status", "mode", "calls", "max_calls", "trunk_legs", "extensions",
    "subscription", "renews_at", "blocks", "block_reasons",
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    """Run a daemon that limits acme to two calls."""
    with VirtualSite(tmp_path) as site:
        site.start()
        site.apply(ACCOUNTS)
        yield site


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[VirtualSite]:
    """Yield a configuration without a daemon."""
    with VirtualSite(tmp_path) as site:
        yield site


def unowned_leg(site: VirtualSite) -> str:
    """Run a call without a tenant to its end; return its leg, which waits for an owner."""
    placed = site.call("", endpoint="phone", talk_s=0.1).result(patience_s(10))
    assert placed.admitted
    until(lambda: site.json("usage", "unowned"), "the leg is on record")
    (leg,) = site.json("usage", "unowned")
    return str(leg["leg"])


# --- the shapes that programs rely on: keys may be added, none removed --------------------------


def test_calls_have_the_shape_that_is_promised(site: VirtualSite) -> None:
    site.call("acme", talk_s=60)
    (call,) = site.up(1)
    assert call.keys() >= CALL
    assert {key: call[key] for key in ("tenant", "pbx", "direction", "state", "from", "to")} == {
        "tenant": "acme", "pbx": "pbx1", "direction": "outbound", "state": "up",
        "from": "100", "to": NUMBER,
    }  # fmt: skip
    assert [call[key] for key in ("hooked", "over_limit", "emergency", "estimated")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert all(leg.keys() >= LEG for leg in call["legs"])
    assert {(leg["trunk"], leg["direction"], leg["state"]) for leg in call["legs"]} == {
        (False, None, "up"),
        (True, "outbound", "up"),
    }
    began, answered = (datetime.fromisoformat(call[key]) for key in ("started_at", "answered_at"))
    assert began.utcoffset() == timedelta(0)
    assert began <= answered
    assert site.json("calls", "--tenant", "acme") == [call]


def test_a_call_without_a_tenant_has_a_null_tenant(site: VirtualSite) -> None:
    site.call("", endpoint="phone", talk_s=60)
    assert [call["tenant"] for call in site.up(1)] == [None]


def test_usage_has_the_shape_that_is_promised(site: VirtualSite) -> None:
    site.call("acme", talk_s=0.2).result(patience_s(10))
    site.idle()
    (row,) = until(
        lambda: [row for row in site.json("usage") if row["outbound_calls"]], "usage is on record"
    )
    assert row.keys() >= USAGE
    assert (row["tenant"], row["plan"], row["outbound_calls"]) == ("acme", "starter", 1)
    assert 0.1 < row["outbound_seconds"] < 10
    minutes = {key: row[key] for key in row if key.endswith("_minutes")}
    assert all(isinstance(value, str) for value in minutes.values())
    assert {key: Decimal(value) for key, value in minutes.items()} == {
        "outbound_minutes": 1, "inbound_minutes": 0, "included_minutes": 500, "overage_minutes": 0,
    }  # fmt: skip
    assert site.json("usage", "--tenant", "acme", "--month", row["month"]) == [row]


def test_a_month_without_calls_has_its_tenants_all_the_same(site: VirtualSite) -> None:
    (row,) = site.json("usage", "--month", "2020-01")
    assert (row["tenant"], row["month"], row["outbound_calls"]) == ("acme", "2020-01", 0)


def test_tenants_have_the_shape_that_is_promised(site: VirtualSite) -> None:
    (row,) = site.json("tenants")
    assert {key: row[key] for key in TENANT} == dict.fromkeys(TENANT) | {
        "tenant": "acme", "plan": "starter", "status": "active", "mode": "enforce",
        "calls": 0, "max_calls": 2, "trunk_legs": 0, "extensions": 0, "blocks": [],
        "block_reasons": {},
    }  # fmt: skip


# --- output for people ---------------------------------------------------------------------------


def test_tables_and_pages_say_what_json_says(site: VirtualSite) -> None:
    site.call("acme", talk_s=60)
    site.up(1)
    assert "acme" in site.says("calls")
    assert "ready: the counts of every PBX are reliable" in site.says("status")
    page = site.says("tenant", "show", "acme")
    assert "tenant acme: active, plan starter, mode enforce" in page
    assert "live calls: 1 (of 2), 1 trunk legs" in page


def test_nothing_to_show_is_said(site: VirtualSite) -> None:
    assert site.says("calls") == "no calls\n"
    assert site.json("calls") == []


def test_decisions_say_why_a_call_was_refused(site: VirtualSite) -> None:
    site.call("acme", talk_s=60)
    site.call("acme", talk_s=60)
    site.up(2)
    assert not site.call("acme").result(patience_s(10)).admitted
    (refused,) = until(
        lambda: site.json("decisions", "--tenant", "acme", "--since", "10m", "--refused"),
        "the refusal is on record",
    )
    told = [refused[key] for key in ("outcome", "reason", "used", "limit")]
    assert told == ["refuse", "max_calls", 2, 2]
    assert site.json("decisions", "--since", "2199-01-01") == []


# --- slots and legs ------------------------------------------------------------------------------


def test_a_released_call_holds_no_slot_and_is_published(site: VirtualSite) -> None:
    for _ in range(2):
        site.call("acme", talk_s=60)
    first = site.up(2)[0]
    assert not site.call("acme").result(patience_s(10)).admitted
    told = site.says("release", first["call"])
    assert told.startswith(f"released the slot of call {first['call']} of tenant acme")
    assert "outbound, up" in told
    assert first["call"] not in [call["call"] for call in site.json("calls")]
    assert site.call("acme", talk_s=0.1).result(patience_s(10)).admitted
    assert "is not live" in site.fails("release", first["call"])


@pytest.mark.parametrize("live", [True, False], ids=["live", "offline"])
def test_a_leg_without_a_tenant_is_listed_and_can_be_assigned(
    site: VirtualSite, *, live: bool
) -> None:
    leg = unowned_leg(site)
    if not live:
        site.stop()
    told = site.says("usage", "assign", leg, "acme")
    assert told.startswith(f"leg {leg} belongs to tenant acme now: 60 s billed in ")
    assert site.json("usage", "unowned") == []
    (row,) = site.json("usage")
    assert (row["tenant"], row["outbound_calls"]) == ("acme", 1)
    assert "belongs to tenant acme already" in site.fails("usage", "assign", leg, "acme")


def test_a_leg_that_is_not_known_says_where_legs_are_listed(site: VirtualSite) -> None:
    assert "`pbxbilling usage unowned` lists" in site.fails("usage", "assign", "pbx1:9.9", "acme")


# --- keys omitted from a file of accounts --------------------------------------------------------

LESS = """
[plan.starter]
included_minutes = 500
[tenant.acme]
name = "Acme Inc."
"""
RESETS = """\
changed   plan starter
reset:    plan starter: max_calls: 2 → the default
changed   tenant acme
            name:  → Acme Inc.
reset:    tenant acme: accountcodes: ['acme'] → the default, []
2 plans and tenants: 0 added, 2 changed, 0 unchanged, 2 keys reset"""


@pytest.mark.parametrize("live", [True, False], ids=["live", "offline"])
def test_a_file_resets_no_key_without_reset(site: VirtualSite, *, live: bool) -> None:
    if not live:
        site.stop()
    file = site.directory / "less.toml"
    file.write_text(LESS)
    for dry in ([], ["--dry-run"]):
        ran = site.run("apply", str(file), *dry)
        assert ran.returncode == 1
        assert ran.stdout == f"{RESETS}; nothing was written: it needs --reset\n"
        assert ran.stderr.startswith("pbxbilling: nothing was written: the file leaves out 2 keys")
    told = site.run("apply", str(file), "--json")
    assert (told.returncode, told.stderr) == (1, ran.stderr)
    fields = [field for row in json.loads(told.stdout) for field in row["fields"]]
    assert [one["key"] for one in fields if one["reset"]] == ["max_calls", "accountcodes"]
    assert site.json("tenants")[0]["max_calls"] == 2
    assert site.says("apply", str(file), "--reset") == f"{RESETS}\n"
    assert site.json("tenants")[0]["max_calls"] is None


def test_a_dry_run_that_agrees_to_resets_says_that_it_is_one(site: VirtualSite) -> None:
    file = site.directory / "less.toml"
    file.write_text(LESS)
    told = site.says("apply", str(file), "--reset", "--dry-run")
    assert told == f"{RESETS}; nothing was written: --dry-run\n"
    assert site.says("apply", str(file), "--reset") == f"{RESETS}\n"
    assert site.says("apply", str(file)).endswith("0 added, 0 changed, 2 unchanged\n")


@pytest.mark.parametrize("live", [True, False], ids=["live", "offline"])
def test_an_empty_cell_resets_nothing_that_nobody_agreed_to(
    site: VirtualSite, *, live: bool
) -> None:
    if not live:
        site.stop()
    file = site.directory / "tenants.csv"
    file.write_text("tenant,name,accountcodes\nacme,Acme Inc.,\n")
    ran = site.run("tenants", "import", str(file))
    assert (ran.returncode, "leaves out 1 key, which would be reset" in ran.stderr) == (1, True)
    assert "reset:    tenant acme: accountcodes: ['acme'] → the default, []\n" in ran.stdout
    assert "1 changed, 0 unchanged, 1 key reset; nothing was written" in ran.stdout
    assert site.json("tenant", "show", "acme")["settings"]["accountcodes"] == ["acme"]
    assert site.says("tenants", "import", str(file), "--reset").endswith("1 key reset\n")
    assert site.json("tenant", "show", "acme")["settings"]["accountcodes"] == []


@pytest.mark.parametrize("live", [True, False], ids=["live", "offline"])
def test_who_set_a_key_last_is_shown(site: VirtualSite, *, live: bool) -> None:
    if not live:
        site.stop()
    site.says("tenant", "suspend", "acme")
    by = {one["key"]: one["by"] for one in site.json("tenant", "show", "acme")["origins"]}
    assert by == {"accountcodes": "file", "plan": "file", "status": "command"}
    by = {one["key"]: one["by"] for one in site.json("plan", "show", "starter")["origins"]}
    assert by == {"included_minutes": "file", "max_calls": "file"}


# --- exit statuses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["calls", "--what"],
        ["tenant", "show"],
        ["usage", "--month", "november"],
        ["decisions", "--since", "soon"],
        ["tenant", "trial", "acme", "--until", "never"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2_and_names_the_word(empty: VirtualSite, words: list[str]) -> None:
    ran = empty.run(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Usage: pbxbilling" in ran.stderr
    assert words[-1] in ran.stderr or "Missing argument" in ran.stderr


def test_what_can_not_be_done_is_status_1_and_one_sentence(site: VirtualSite) -> None:
    told = site.fails("tenant", "suspend", "nobody")
    assert told.startswith("pbxbilling: tenant 'nobody' is unknown")
    assert told.count("\n") == 1
    assert "nobody" in site.fails("calls", "--tenant", "nobody")


@pytest.mark.parametrize("words", LIVE, ids=" ".join)
def test_a_command_of_the_live_daemon_says_when_none_runs(
    empty: VirtualSite, words: list[str]
) -> None:
    told = empty.fails(*words)
    assert f"`{words[0]}` needs it running" in told
    assert "systemctl start pbxbilling" in told


def test_what_needs_no_daemon_is_done_without_one(empty: VirtualSite) -> None:
    assert "tenant acme" in empty.apply(ACCOUNTS)
    (row,) = empty.json("tenants")
    assert (row["tenant"], row["calls"]) == ("acme", None)
    assert "no daemon runs" in empty.says("tenant", "show", "acme")


def test_a_configuration_that_is_not_there_is_status_1_and_named(empty: VirtualSite) -> None:
    ran = empty.run("tenants", "-c", "no.toml")
    assert (ran.returncode, "no.toml" in ran.stderr) == (1, True)


def test_a_running_daemon_is_still_reached_by_a_file_with_a_fault(site: VirtualSite) -> None:
    site.write_config(more="what = 1")
    assert [row["tenant"] for row in site.json("tenants")] == ["acme"]
    site.stop()
    assert "what" in site.fails("tenants")


@pytest.mark.parametrize("words", [["version"], ["tenants", "--json"]], ids=" ".join)
def test_a_reader_that_left_is_no_fault_to_tell(empty: VirtualSite, words: list[str]) -> None:
    """As with `| head`: output that cannot be written is dropped, without a traceback."""
    migrate(empty.database)
    reader, writer = os.pipe()
    os.close(reader)
    environ = {**os.environ, "PBXBILLING_CONFIG": str(empty.config), "PYTHONUNBUFFERED": ""}
    ran = subprocess.run(
        [PROGRAM, *words],
        stdout=writer,
        stderr=PIPE,
        env=environ,
        timeout=patience_s(30),
        check=False,
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (1, b"")


# --- the user on record --------------------------------------------------------------------------


@pytest.mark.parametrize("live", [True, False], ids=["live", "offline"])
def test_the_audit_names_the_user_and_what_changed(site: VirtualSite, *, live: bool) -> None:
    if not live:
        site.stop()
    site.says("tenant", "suspend", "acme")
    newest = site.json("tenant", "show", "acme")["audit"][0]
    assert [newest[key] for key in ("actor", "action", "subject")] == [ME, "suspend", "tenant acme"]
    assert (newest["before"]["blocks"], newest["after"]["blocks"]) == ([], ["operator"])
    page = site.says("tenant", "show", "acme")
    assert ME in page
    assert "suspend" in page
