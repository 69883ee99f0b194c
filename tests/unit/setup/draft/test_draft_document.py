"""Whatever a site calls its tenants, the draft parses and applies, and finds their phones."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.cli.connection import put
from pbxbilling.cli.main import app
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.numbers import found_by
from pbxbilling.kernel.text import NAME_MOST
from pbxbilling.setup.conf.reader import Line, Section
from pbxbilling.setup.draft.document import FILE, written
from pbxbilling.setup.draft.draft import Draft, DraftedTenant, draft
from pbxbilling.setup.draft.sources import Sources, clean
from pbxbilling.setup.pbx.dialplan import Context, Dialplan, Step
from pbxbilling.setup.pbx.endpoints import Endpoint
from pbxbilling.setup.pbx.site import Kind
from tests.support.accounts.desk import AccountsDesk
from tests.support.setup.sites import drafted

# What people, programs and other charsets put into such places; a line of a file ends at \n.
ODD = st.sampled_from(
    ["acme", "ACME", "Acme", "acme-2", "4711", 'a"b', "a'b", "a\\b", "ünï çødé", "株式会社",
     "draft", "x" * 300, "a b", " ", "", "a\tb", "\x1b[31m", "a;b", "a.b", "-", "#1", "${X}",
     "\udce4", "t1", "T1", "t1-internal", "from-internal", "\u202eevil", "]", "a=b", "\r", "null"]
)  # fmt: skip
NAMES = st.one_of(ODD, st.text(max_size=20).filter(lambda text: "\n" not in text))
NUMBERS = st.one_of(
    st.from_regex(r"\+?[0-9]{1,25}", fullmatch=True),
    st.sampled_from(["15550100", "+15550100", "0015550100", "01115550100", "1555-0100", "00000"]),
    st.sampled_from(
        [
            "s",
            "h",
            "i",
            "_X.",
            "_+1555XXXX",
            "fax",
            "*98",
            "\N{ARABIC-INDIC DIGIT ONE}23456",
            "00",
            "+00000",
        ]
    ),
    NAMES,
)
PATH = Path("extensions.conf")


def applied(text: str) -> Registry:
    """Apply the text, first as a dry run, to accounts that are empty; return them."""
    desk = AccountsDesk()
    asyncio.run(_apply(desk, text))
    return desk.registry


async def _apply(desk: AccountsDesk, text: str) -> None:
    await desk.apply(text, dry_run=True)
    assert not desk.registry.tenants
    await desk.apply(text)


def modes(text: str) -> set[str]:
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {tenant["mode"] for tenant in tables.get("tenant", {}).values()}


def endpoint(name: str, code: str, context: str) -> Endpoint:
    section = Section(name, PATH, 1)
    return Endpoint("PJSIP", name, context, code, False, True, section, None)


def step(exten: str, application: str, arguments: str) -> Step:
    line = Line(PATH, 1, "exten", "", "")
    return Step(line, exten, "1", "", application, arguments, is_same=False)


PHONES = st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=8)
STEPS = st.one_of(
    st.builds(lambda name: ("Dial", f"PJSIP/{name}"), NAMES),
    st.builds(lambda name: ("Set", f"TENANT={name}"), NAMES),
    st.builds(lambda name: ("Set", f"__WAZO_TENANT_UUID={name}"), NAMES),
    st.builds(lambda name: ("Set", f"CHANNEL(accountcode)={name}"), NAMES),
    st.builds(lambda name, exten: ("Goto", f"{name},{exten},1"), NAMES, NUMBERS),
    st.builds(lambda name: ("Gosub", f"pbxbilling-admit,s,1(inbound,{name},1)"), NAMES),
    st.builds(lambda name: ("Macro", f"exten-vm,{name}"), NAMES),
    st.tuples(st.sampled_from(["GotoIf", "ExecIf", "Dial", "Goto", "Background"]), NAMES),
)
EXTENS = st.lists(st.tuples(NUMBERS, STEPS), max_size=8)
CONTEXTS = st.dictionaries(st.one_of(st.just("from-trunk"), NAMES), EXTENS, max_size=5)
KINDS = st.sampled_from(Kind)


@settings(deadline=None, max_examples=60)
@given(PHONES, CONTEXTS, KINDS, st.lists(st.tuples(NAMES, NAMES), max_size=3))
def test_every_site_has_a_draft_that_applies(
    phones: list[tuple[str, str, str]],
    contexts: dict[str, list[tuple[str, tuple[str, str]]]],
    kind: Kind,
    includes: list[tuple[str, str]],
) -> None:
    dialplan = Dialplan(
        {
            name: Context(name, [step(exten, *called) for exten, called in extens])
            for name, extens in contexts.items()
        }
    )
    for outer, inner in includes:
        if outer in dialplan.contexts:
            dialplan.contexts[outer].includes.append(inner)
    endpoints = [endpoint(*phone) for phone in {one[0]: one for one in phones}.values()]
    made = draft(Sources(kind, dialplan, (), endpoints))
    text = written(made)
    registry = applied(text)
    assert modes(text) <= {"log"}
    assert {tenant.mode for tenant in registry.tenants.values()} <= {Mode.LOG}
    assert len(registry.tenants) == len(made.tenants)
    for tenant in made.tenants:
        for did in tenant.dids:
            assert registry.owner(did=did) == tenant.slug
    _check_codes(endpoints, made, registry, kind)


def _check_codes(endpoints: list[Endpoint], made: Draft, registry: Registry, kind: Kind) -> None:
    """Two phones are one tenant's exactly where their codes are the same to the daemon."""
    if kind is Kind.MIKOPBX:
        assert len(made.tenants) == 1
        return
    owners: dict[str, str] = {}
    for phone in endpoints:
        code = clean(phone.accountcode)
        if code and len(code) <= NAME_MOST:
            owner = registry.owner(accountcode=code)
            assert owner is not None, code
            assert owners.setdefault(code, owner) == owner
    assert len(set(owners.values())) == len(owners)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=5), st.lists(NUMBERS, max_size=5), KINDS)
def test_so_has_every_folder_of_files(
    phones: list[tuple[str, str, str]], dids: list[str], kind: Kind
) -> None:
    pjsip = "".join(
        f"[{name}]\ntype=endpoint\nauth=a\naccountcode={code}\ncontext={context}\n"
        for name, code, context in phones
    )
    wizard = "".join(
        f"[{name}]\ntype=wizard\nendpoint/accountcode={code}\n" for name, code, _ in phones
    )
    lines = "".join(
        f"exten => {did},1,Set(TENANT={name})\n same => n,Dial(PJSIP/{name})\n"
        for did, (name, _, _) in zip(dids, phones, strict=False)
    )
    files = {
        "pjsip.conf": pjsip,
        "pjsip_wizard.conf": wizard,
        "extensions.conf": f"[from-trunk]\n{lines}",
    }
    with TemporaryDirectory() as folder:
        text = written(drafted(Path(folder), files, kind))
    applied(text)
    assert modes(text) <= {"log"}


@given(st.text(alphabet="0123456789+-() ", max_size=20))
def test_a_number_is_written_in_a_spelling_that_finds_it(number: str) -> None:
    dialplan = Dialplan({"from-trunk": Context("from-trunk", [step(number, "Dial", "PJSIP/1")])})
    made = draft(Sources(Kind.PLAIN, dialplan, (), [endpoint("1", "acme", "x")]))
    for tenant in made.tenants:
        assert [found_by(did) for did in tenant.dids] in ([], [found_by(number)])


def test_an_empty_draft_has_an_example_that_applies_without_its_comment_signs() -> None:
    text = written(Draft((), ()))
    assert applied(text).tenants == {}
    example = "\n".join(
        line.removeprefix("# ") for line in text.split("take the # away:\n#\n")[1].splitlines()
    )
    registry = applied(f"[plan.draft]\n{example}")
    assert registry.owner(accountcode="acme") == registry.owner(did="+15550100") == "acme"


def test_it_says_what_to_do_next_and_what_it_could_not_decide() -> None:
    tenant = DraftedTenant("a.b", "A", dids=tuple(f"+1555010{n:04}" for n in range(40)))
    text = written(Draft((tenant,), ("+15550199 ([x] y:1): no phone\nevil = 1",)))
    assert f"pbxbilling apply --dry-run {FILE}" in text
    assert "pbxbilling decisions --refused" in text
    assert "# - +15550199 ([x] y:1): no phone evil = 1" in text
    assert max(map(len, text.splitlines())) <= 100
    assert set(applied(text).tenants) == {"a.b"}


def test_the_command_applies_it_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "pbxbilling.toml"
    config.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/a.db"\n[http]\nadmin = "{tmp_path}/admin.sock"\n'
    )
    put(config, "/accounts", text="[plan.free]\nmax_calls = 1\n", source="plans.toml")
    file = tmp_path / FILE
    file.write_text(written(Draft((DraftedTenant("acme", "Acme", ("ACME",)),), ())))
    for more in (["--dry-run"], []):
        done = CliRunner().invoke(app, ["apply", *more, str(file), "-c", str(config)])
        assert (done.exit_code, "tenant acme" in done.output) == (0, True)
