"""What a `Dial` calls, in the spellings of each kind of channel, and which of it leads outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.setup.pbx.dialplan import Dialplan
from pbxbilling.setup.pbx.look import look
from pbxbilling.setup.pbx.trunks import Dialled, dialled
from tests.support.setup.plain import PlainSite

GLOBALS = {"TRUNK": "PJSIP/${NAME}", "NAME": "carrier", "GROUP": "DAHDI/g1", "BOTH": "SIP/a&SIP/b"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("PJSIP/${EXTEN}@carrier,60,tT", [("PJSIP/carrier", "${EXTEN}")]),
        ("PJSIP/carrier/sip:${EXTEN:1}@1.2.3.4:5061", [("PJSIP/carrier", "${EXTEN:1}")]),
        ("${TRUNK}/sip:${EXTEN}@host", [("PJSIP/carrier", "${EXTEN}")]),
        ("pjsip/+49${EXTEN}@${NAME}", [("PJSIP/carrier", "+49${EXTEN}")]),
        ("PJSIP/101", [("PJSIP/101", "")]),
        ("PJSIP/101/sip:101@10.0.0.1", [("PJSIP/101", "")]),
        ("PJSIP/${EXTEN}", ["PJSIP/${EXTEN}"]),
        ("${PJSIP_DIAL_CONTACTS(${EXTEN})}", ["${PJSIP_DIAL_CONTACTS(${EXTEN})}"]),
        ("SIP/carrier/${EXTEN}", [("SIP/carrier", "${EXTEN}")]),
        ("SIP/${EXTEN}@carrier:5061", [("SIP/carrier", "${EXTEN}")]),
        ("SIP/carrier/${EXTEN}@elsewhere", [("SIP/carrier", "${EXTEN}")]),
        ("IAX2/carrier/${EXTEN}", [("IAX2/carrier", "${EXTEN}")]),
        ("IAX2/me:secret@carrier:4570/${EXTEN}@out", [("IAX2/carrier", "${EXTEN}")]),
        ("${GROUP}/${EXTEN}", [("DAHDI/g1", "${EXTEN}")]),
        ("DAHDI/5", [("DAHDI/5", "")]),
        ("${BOTH}", [("SIP/a", ""), ("SIP/b", "")]),
        ("PJSIP/1@a&Local/2@b&PJSIP/${ARG1}@c", [("PJSIP/a", "1"), ("PJSIP/c", "${ARG1}")]),
        ("PJSIP/${FILTER(0-9,${EXTEN})}@a", [("PJSIP/a", "${FILTER(0-9,${EXTEN})}")]),
        ("PJSIP/${EXTEN}@${DB(trunk/${EXTEN})}", ["PJSIP/${EXTEN}@${DB(trunk/${EXTEN})}"]),
        ("${ARG1}/${EXTEN}", ["${ARG1}/${EXTEN}"]),
    ],
)
def test_what_is_called(arguments: str, expected: list[object]) -> None:
    found = list(dialled(Dialplan(globals=GLOBALS), arguments))
    assert [(one.channel, one.number) if isinstance(one, Dialled) else one for one in found] == (
        expected
    )


@pytest.mark.parametrize(
    ("trunks", "leads"),
    [(["PJSIP/carrier"], True), (["PJSIP/car*"], True), (["PJSIP/carrier2"], False), ([], False)],
)
def test_a_trunk_may_be_a_pattern(trunks: list[str], leads: bool) -> None:
    assert Dialled("PJSIP", "carrier", "1").leads_to(trunks) is leads


def test_lines_of_dahdi_lead_outside_by_their_number() -> None:
    assert Dialled("DAHDI", "g1", "1").leads_to(["DAHDI/i1*"])
    assert not Dialled("DAHDI", "5", "").leads_to(["DAHDI/*"])


FILES = {
    "pjsip.conf": """
[phone](!)
type=endpoint
auth=x
[101](phone)
[dialled]
type=endpoint
[registered]
type=endpoint
outbound_auth=y
[registered2]
type=endpoint
[provider]
type=registration
endpoint=registered2
[silent]
type=endpoint
""",
    "pjsip_wizard.conf": """
[w]
type=wizard
sends_registrations=yes
endpoint/context=in
""",
    "sip.conf": """
[general]
context=sip-in
[s1]
type=peer
host=1.2.3.4
insecure=port,invite
[phone-at-fixed-address]
type=friend
host=10.0.0.9
[s2]
type=friend
host=dynamic
""",
    "iax.conf": "[i1]\ntype=peer\nhost=1.2.3.4\n",
}


def test_which_endpoints_are_trunks(tmp_path: Path) -> None:
    text = "[a]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@dialled)\nsame => n,Dial(PJSIP/101)\n"
    site = PlainSite.of(tmp_path, {**FILES, "extensions.conf": text})
    found = look(site.etc, ())
    assert found.trunks == [
        *("IAX2/i1", "PJSIP/dialled", "PJSIP/registered", "PJSIP/registered2", "PJSIP/w", "SIP/s1")
    ]
    contexts = {one.channel: one.context for one in found.endpoints}
    assert (contexts["SIP/s1"], contexts["PJSIP/w"]) == ("sip-in", "in")


@pytest.mark.parametrize(("more", "trunks"), [("", ["DAHDI/*"]), ("same => n,Dial(DAHDI/5)", [])])
def test_lines_with_phones_among_them_are_named_by_a_person(
    tmp_path: Path, more: str, trunks: list[str]
) -> None:
    text = f"[a]\nexten => _X.,1,Dial(DAHDI/g1/${{EXTEN}})\n{more}\n"
    site = PlainSite.of(tmp_path, {"extensions.conf": text})
    assert look(site.etc, ()).trunks == trunks
    said = " ".join(site.plan(trunks=()).by_hand)
    assert ("DAHDI has phones and trunks" in said) is (trunks == [])
