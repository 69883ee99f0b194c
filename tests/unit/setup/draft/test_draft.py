"""Whose phones and numbers are, on sites of each kind, in words of our own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbxbilling.setup.draft.draft import Draft, DraftedTenant
from pbxbilling.setup.pbx.site import Kind
from tests.support.setup.sites import drafted

ROOT = Path(__file__).parents[4]

PJSIP = """
[phone](!)
type = endpoint
auth = any
[globex-phone](!,phone)
accountcode = Globex GmbH
context = shop
set_var = CHANNEL(language)=de
[acme1](phone)
accountcode = acme
context = office
[acme2](phone)
accountcode = acme
context = office
[globex1](globex-phone)
[t1-10](phone)
context = t1-internal
[t1-11](phone)
context = t1-internal
[lobby](phone)
context = lobby-phones
[carrier]
type = endpoint
context = from-carrier
outbound_auth = carrier
[gate]
type = endpoint
context = from-carrier
"""

EXTENSIONS = """
[globals]
NIGHT = PJSIP/acme2
[from-carrier]
include => numbers
exten => 15550199,1,Goto(queues,600,1)
exten => _+4930123XX,1,Goto(office,${EXTEN:-2},1)
exten => _+1555017X,1,Goto(direct,${EXTEN},1)
exten => 4711,1,Dial(PJSIP/acme1)
[numbers]
; one number in two spellings
exten => 0015550100,1,Dial(PJSIP/acme1&PJSIP/acme2)
exten => +15550100,1,Dial(PJSIP/acme1)
exten => +15550101,1,Set(CHANNEL(accountcode)=Globex GmbH)
 same => n,Dial(PJSIP/acme1)
exten => +15550102,1,Set(TENANT=t1)
 same => n,Goto(${TENANT}-internal,10,1)
exten => +15550103,1,GotoIf($["${NIGHTLY}" = "1"]?night:day)
 same => n(day),Dial(PJSIP/globex1)
 same => n,Hangup()
 same => n(night),Dial(${NIGHT})
exten => +15550104,1,Answer()
 same => n,Playback(closed)
exten => +15550105,1,Gosub(ring,s,1(lobby,20))
exten => +15550106,1,Goto(menu,s,1)
exten => +15550107,1,Dial(Local/1@office/n)
exten => 030555123,1,Set(TENANT=umbrella)
 same => n,Goto(unknown,s,1)
[direct]
exten => +15550170,1,Dial(PJSIP/globex1)
[ring]
exten => s,1,Dial(PJSIP/${ARG1},${ARG2})
 same => n,Return()
[menu]
exten => s,1,Background(welcome)
 same => n,WaitExten(5)
exten => 1,1,Dial(PJSIP/acme1)
exten => 2,1,Dial(PJSIP/acme2)
[office]
exten => 1,1,Dial(PJSIP/acme1,20)
exten => _0.,1,Dial(PJSIP/${EXTEN}@carrier)
[t1-internal]
exten => 10,1,Dial(PJSIP/t1-10)
[queues]
exten => 600,1,Queue(sales,t)
"""
PLAIN = {
    "pjsip.conf": PJSIP,
    "extensions.conf": EXTENSIONS,
    "queues.conf": "[sales]\nmember => PJSIP/acme1,0\nmember => Local/1@office/n\n",
}


def by_slug(draft: Draft) -> dict[str, DraftedTenant]:
    return {tenant.slug: tenant for tenant in draft.tenants}


def told(draft: Draft, what: str) -> str:
    """Return the one sentence about a number or a phone."""
    (sentence,) = [one for one in draft.undecided if one.startswith(what)]
    return sentence


def test_a_plain_site(tmp_path: Path) -> None:
    draft = drafted(tmp_path, PLAIN)
    tenants = by_slug(draft)
    assert {slug: set(one.dids) for slug, one in tenants.items()} == {
        "acme": {"15550199", "+15550100", "+15550106", "+15550107"},
        "globex-gmbh": {"+15550101", "+15550170"},
        "t1": {"+15550102"},
        "umbrella": {"030555123"},
        "lobby": {"+15550105"},
    }
    assert {slug: one.accountcodes for slug, one in tenants.items() if one.accountcodes} == {
        "acme": ("acme",),
        "globex-gmbh": ("Globex GmbH",),
    }
    assert {slug: one.contexts for slug, one in tenants.items() if one.contexts} == {
        "acme": ("office",),
        "globex-gmbh": ("shop",),
        "t1": ("t1-internal",),
        "lobby": ("lobby-phones",),
    }
    assert tenants["t1"].phones == ("PJSIP/t1-10", "PJSIP/t1-11")


def test_what_a_plain_site_does_not_tell_is_said(tmp_path: Path) -> None:
    draft = drafted(tmp_path, PLAIN)
    assert "reach several: Globex GmbH, acme" in told(draft, "+15550103")
    assert "no phone and no tenant" in told(draft, "+15550104")
    assert "[numbers]" in told(draft, "+15550104")
    assert "extensions.conf:" in told(draft, "+15550104")
    assert "several numbers" in told(draft, "_+4930123XX")
    assert "is short" in told(draft, "4711")
    assert "PJSIP/gate" in told(draft, "PJSIP/gate")
    assert not [one for one in draft.undecided if "carrier:" in one]


def test_a_phone_is_found_by_its_code_in_every_kind_of_file(tmp_path: Path) -> None:
    files = {
        "pjsip_wizard.conf": "[w](!)\ntype = wizard\naccepts_auth = yes\n"
        "endpoint/accountcode = wizards\n[w1](w)\n",
        "sip.conf": "[general]\ncontext = default\n[s1]\ntype = friend\nhost = dynamic\n"
        "accountcode = sippers\n",
        "iax.conf": "[i1]\ntype = friend\nhost = dynamic\naccountcode = iaxers\n",
        "pjsip.conf": "#include more/*.conf\n",
        "more/a.conf": "[p1]\ntype = endpoint\nauth = a\nset_var = TENANT=named\n"
        "accountcode = N1\n",
        "extensions.conf": "[default]\n",
    }
    tenants = by_slug(drafted(tmp_path, files))
    assert {slug: (one.phones, one.accountcodes) for slug, one in tenants.items()} == {
        "wizards": (("PJSIP/w1",), ("wizards",)),
        "sippers": (("SIP/s1",), ("sippers",)),
        "iaxers": (("IAX2/i1",), ("iaxers",)),
        "named": (("PJSIP/p1",), ("N1",)),
    }


FREEPBX_FILES = {
    "pjsip.conf": "#include pjsip.endpoint.conf\n",
    "pjsip.endpoint.conf": """
[101]
type=endpoint
auth=101-auth
context=from-internal
accountcode=acme
[102]
type=endpoint
auth=102-auth
context=from-internal
[103]
type=endpoint
auth=103-auth
context=from-internal
[carrier]
type=endpoint
context=from-pstn
outbound_auth=carrier
""",
    "extensions.conf": "#include extensions_additional.conf\n#include frame.conf\n",
    "extensions_additional.conf": """
[ext-did-0001]
include => ext-did-0001-custom
exten => fax,1,Goto(${CUT(FAX_DEST,^,1)},1)
exten => 15550100,1,Set(__FROM_DID=${EXTEN})
 same => n,Set(CDR(did)=${FROM_DID})
 same => n,Goto(ext-local,101,1)
exten => 15550200,1,Set(__FROM_DID=${EXTEN})
 same => n,Goto(ext-group,600,1)
[ext-did-0002]
exten => 15550300,1,Goto(ext-group,601,1)
exten => 15550400,1,Goto(ivr-1,s,1)
[ext-did-catchall]
exten => s,1,Hangup()
[ext-local]
exten => 101,1,MACRO(exten-vm,101,101,0,0,0)
exten => 101,hint,PJSIP/101&Custom:DND101
exten => 102,1,MACRO(exten-vm,102,102,0,0,0)
exten => 102,hint,PJSIP/102
[ext-group]
exten => 600,1,Set(RRNODEST=${NODEST})
 same => n,MACRO(dial,20,Ttr,102-103)
exten => 601,1,MACRO(dial,20,Ttr,101-102)
[ivr-1]
exten => s,1,Background(${IVR_MSG})
 same => n,WaitExten(10,)
exten => 1,1,Goto(ext-local,101,1)
exten => t,1,Hangup()
""",
}
AMPUSER = """\
/AMPUSER/101/accountcode                          : acme                     
/AMPUSER/102/accountcode                          : Beta                     
/AMPUSER/103/accountcode                          : Beta                     
/AMPUSER/104/cidname                              : Nobody                   
3 results found.
"""  # noqa: W291 - as the console prints it


@pytest.mark.parametrize("has_macro", [True, False], ids=["16", "17"])
def test_freepbx_by_its_files_and_its_database(tmp_path: Path, has_macro: bool) -> None:
    frame = (ROOT / "rig" / "fixtures" / "freepbx.conf").read_text()
    as_written = r"Macro(\1,\2)" if has_macro else r"Gosub(macro-\1,s,1(\2))"
    files = {
        name: re.sub(r"MACRO\(([\w-]+),?(.*)\)", as_written, text).replace("LEAVE()", "Return()")
        for name, text in {**FREEPBX_FILES, "frame.conf": frame}.items()
    }
    draft = drafted(tmp_path, files, Kind.FREEPBX, {"database show AMPUSER": AMPUSER})
    tenants = by_slug(draft)
    assert {slug: (one.dids, one.accountcodes) for slug, one in tenants.items()} == {
        "acme": (("15550100", "15550400"), ("acme",)),
        "beta": (("15550200",), ("Beta",)),
    }
    assert [one.contexts for one in draft.tenants] == [(), ()], "from-internal is everybody's"
    assert "Beta, acme" in told(draft, "15550300")
    assert "several numbers" in told(draft, "_+15550XXX")


def test_freepbx_without_codes_is_one_context_and_says_that_nobody_answered(tmp_path: Path) -> None:
    files = {name: text.replace("accountcode=acme\n", "") for name, text in FREEPBX_FILES.items()}
    draft = drafted(tmp_path, files, Kind.FREEPBX)
    assert [(one.slug, one.contexts) for one in draft.tenants] == [
        ("from-internal", ("from-internal",))
    ]
    assert "no Asterisk runs" in told(draft, "database show AMPUSER")


NORTH, SOUTH = "2f0c3a3e-1b7c-4e61-9a55-0d7d1f4f0a01", "7d1e9c55-52bb-4a53-8a0b-6f1f5a2a9b02"
CONTEXT = "3c9f1c1e-0a68-4b7e-9e0c-5d6a8e1b7c0"
WAZO_SHOWN = f"""\
[ Context 'from-extern' created by 'pbx_config' ]
  '030555100' =>    1. Set(__XIVO_BASE_CONTEXT=${{CONTEXT}})        [extensions.conf:10]
                    2. Set(__XIVO_BASE_EXTEN=${{EXTEN}})            [extensions.conf:11]
                    3. Set(__WAZO_TENANT_UUID={NORTH}) [extensions.conf:12]
     [here]         4. Gosub(did,s,1(1,))                         [extensions.conf:14]
  '+4930555200' =>  1. Set(__WAZO_TENANT_UUID={SOUTH}) [extensions.conf:20]
                    2. Gosub(did,s,1(2,))                         [extensions.conf:21]

[ Context 'ctx-north-internal-{CONTEXT}1' created by 'pbx_config' ]
  '1001' =>         1. Set(__WAZO_TENANT_UUID={NORTH}) [extensions.conf:30]
                    2. Gosub(user,s,1(1,))                        [extensions.conf:31]
  '1001' =>         hint: PJSIP/abcdefgh                          [extensions.conf:32]
  Include =>        'xivo-features'                               [pbx_config]

[ Context 'ctx-south-internal-{CONTEXT}2' created by 'pbx_config' ]
  '1001' =>         1. Set(__WAZO_TENANT_UUID={SOUTH}) [extensions.conf:40]

[ Context 'did' created by 'pbx_config' ]
  's' =>            1. Set(XIVO_SRCNUM=${{CALLERID(num)}})          [extensions.conf:50]

-= 5 extensions (9 priorities) in 4 contexts. =-
"""


def test_wazo_as_its_console_prints_it(tmp_path: Path) -> None:
    files = {"extensions.conf": "#exec /usr/bin/wazo-confgend-client asterisk/extensions.conf\n"}
    draft = drafted(tmp_path, files, Kind.WAZO, {"dialplan show": WAZO_SHOWN})
    assert [(one.slug, one.name, one.dids, one.contexts) for one in draft.tenants] == [
        (NORTH, "north", ("030555100",), (f"ctx-north-internal-{CONTEXT}1",)),
        (SOUTH, "south", ("+4930555200",), (f"ctx-south-internal-{CONTEXT}2",)),
    ]


def test_mikopbx_is_one_tenant(tmp_path: Path) -> None:
    files = {
        "pjsip.conf": "[201]\ntype=endpoint\nauth=a\ncontext=all_peers\n"
        "[202]\ntype=endpoint\nauth=a\ncontext=all_peers\n",
        "extensions.conf": "[SIP-PROVIDER-1-incoming]\nexten => 74955550100,1,Goto(x,${EXTEN},1)\n",
    }
    (tenant,) = drafted(tmp_path, files, Kind.MIKOPBX).tenants
    assert (tenant.dids, tenant.contexts) == (("74955550100",), ("all_peers",))
    assert tenant.phones == ("PJSIP/201", "PJSIP/202")
    files["extensions.conf"] += (
        "[all-outgoing-custom]\n"
        "exten => _X!,1,Gosub(pbxbilling-admit,s,1(outbound,initech,${EXTEN}))\n"
    )
    (tenant,) = drafted(tmp_path, files, Kind.MIKOPBX).tenants
    assert (tenant.slug, tenant.dids) == ("initech", ("74955550100",))


def test_a_site_with_nothing_is_an_empty_draft(tmp_path: Path) -> None:
    assert drafted(tmp_path, {}) == Draft((), ())


def test_the_site_of_the_rig(tmp_path: Path) -> None:
    """Its three tenants are known in three ways: account code, variable, context."""
    etc = ROOT / "rig" / "etc"
    phones = {
        "acme": "accountcode = acme\n", "globex": "set_var = TENANT=globex\n", "initech": "",
    }  # fmt: skip
    sections = [
        f"[{name}{n}](phone)\ncontext = from-{name}\n{more}"
        for name, more in phones.items()
        for n in (1, 2)
    ]
    trunk = "[carrier]\ntype = endpoint\ncontext = from-carrier\n"
    files = {path.name: path.read_text() for path in etc.iterdir()} | {"site.conf": ""}
    files["pjsip.conf"] += "\n[phone](!)\ntype = endpoint\n" + "".join(sections) + trunk
    draft = drafted(tmp_path, files)
    assert {one.slug: (one.dids, one.accountcodes, one.contexts) for one in draft.tenants} == {
        "acme": (
            ("+15550100", "+15550101", "+15550102", "+15550103"), ("acme",), ("from-acme",)
        ),
        "globex": (("+15550200",), (), ("from-globex",)),
        "initech": (("+15550300",), (), ("from-initech",)),
    }  # fmt: skip
