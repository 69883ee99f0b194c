"""Spellings of dialled numbers: one table for the daemon, and for the subroutine without it."""

from __future__ import annotations

import re
from urllib.parse import quote

from hypothesis import strategies as st

from pbxbilling.kernel.numbers import SEPARATORS

SPELLED_112 = (
    "112", "+112", "112#", "+112##", "1-1-2", "1.1.2", "1 1 2", "(112)", "1(1)2", "1/12", "1_1_2",
    "-112-", "[112]", "{112}", "112,", "1,1,2", "112:", '1"12', "1\\12", "112|", "112$", "112\n",
    "1\t12", "1\x0112", "112\x7f", "1\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}2", "11\N{SOFT HYPHEN}2",
)  # fmt: skip
BEHIND_ZERO = ("0112", "0-112", "0 (1.1.2)", "0-112#", "+0112")  # behind a leading 0
NO_EMERGENCY = (
    "1123", "1121", "1", "0 1123", "112,0900123", "112_0900", "112 0900123", "112/0900", "112;1",
    "112):0",
    "112x", "x112", "*112", "#112", "1*12", "1#12", "11+2", "++112", "112@1", "112&2", "112%",
    "112'", "112=", "00112", "912", "1é12", "112²",
    "".join(map(chr, (0xFF11, 0xFF11, 0xFF12))), "".join(map(chr, (0x661, 0x661, 0x662))),
)  # fmt: skip

_FIRST = (
    "[!-9]",
    "[Z-^]",
    "[x-z]",
    "[{-}]",
    "\N{FULLWIDTH DIGIT ONE}",
    "\N{ARABIC-INDIC DIGIT ONE}",
)
DIALLED_ANYHOW = "".join(
    f"""
exten => _{first}!,1,Gosub(pbxbilling-admit,s,1(outbound,${{TENANT}},${{EXTEN}}))
 same => n,Dial(PJSIP/0155501@carrier)
"""
    for first in _FIRST
)
"""Dialplan of a site that accepts all of them."""


def in_sip(number: str) -> str:
    """Return a number in the form of a SIP URI."""
    return quote(number, safe="")


def separators() -> st.SearchStrategy[str]:
    """Separators, which may stand in a number without being part of it, in any length."""
    return st.text(
        st.sampled_from([*SEPARATORS, *"\t\n\r\x7f\xa0\xad\u2009\u202f\u2011\u2013\ufeff"])
    )


def dialled() -> st.SearchStrategy[str]:
    """What people, phones and attackers dial; most examples begin like rates and numbers."""
    begin = ("", "+", "0", "00", "1", "44", "+44", "0044", "0155", "+0155", "*67", "#", "112")
    odd = st.text(st.sampled_from("0159+*#-. _()/,;xs²\xa0\uff11"), max_size=6)
    end = st.one_of(st.text("0123456789", max_size=6), odd, st.text(max_size=6))
    return st.builds(str.__add__, st.sampled_from(begin), end)


_SCRIPTS = ("\uff10", "\u0660", "\u06f0", "\u0966")  # the zeros of some of them


@st.composite
def reported(draw: st.DrawFn, digits: str) -> str:
    """A number from its country code on, in a spelling that some carrier or PBX has."""
    prefix = draw(st.sampled_from(["", "+", "00", "+00", "011", "0011", "010", "\uff0b"]))
    zero = draw(st.sampled_from(["0", "0", "\uff10", "\u0660", "\u06f0", "\u0966"]))
    text = "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in prefix + digits)
    text = "".join(part for c in text for part in (draw(st.sampled_from(_BETWEEN)), c))
    before, after = draw(st.sampled_from(_AROUND))
    return before + text.strip(" .-\xa0") + after


@st.composite
def listed(draw: st.DrawFn, digits: str = "") -> str:
    """A number of the site's own in a spelling that some list has; of any digits by default."""
    digits = digits or draw(st.from_regex(r"(1[2-9]|[2-9][0-9])[0-9]{6,12}", fullmatch=True))
    if draw(st.booleans()):
        return draw(reported(digits).filter(lambda text: not _AS_A_SUM.fullmatch(text)))
    with_zero = f"{digits[:2]}{draw(st.sampled_from(['(0)', ' (0) ']))}{digits[2:]}"
    return draw(
        st.sampled_from(
            [
                f"+{digits if digits.startswith('39') else with_zero}",
                f'="{digits}"',
                f"'{digits}",
                f"(+{digits[:2]}) {digits[2:]}",
                f"+{digits[:2]}/{digits[2:]}",
            ]
        )
    )


_AS_A_SUM = re.compile(r"[+-]?\d+[.,]0+")  # as a spreadsheet spoils a number: lists refuse it
_BETWEEN = ("", "", "", " ", "-", ".", "/", "\xa0", "\u2011", "\u200b")
_AROUND = (
    ("", ""), ("", ""), ("", "#"), ("tel:", ""), ("TEL:", ";phone-context=x"), ("sip:", "@carrier"),
    ("sips:", "@192.0.2.1:5061;user=phone"), ("", ";npdi;rn=+1"),
)  # fmt: skip


@st.composite
def spelled_anew(draw: st.DrawFn, number: str) -> str:
    """The number with separators anywhere."""
    parts = (part for each in number for part in (draw(separators()), each))
    return "".join([*parts, draw(separators())])
