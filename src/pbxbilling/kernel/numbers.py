"""Read and cut telephone numbers as they are dialled and listed, in the same way everywhere.

One number has many spellings, and the caller, who pays, chooses the spelling: destination rates,
emergency numbers and DIDs are looked up by what is read here, whether the number comes from the
hook, AMI, the journal or an accounts file. Records store the text as received.
docs/reference/calls.md explains it for people.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import category, decimal, east_asian_width, normalize

# Characters to ignore: the visual separators of RFC 3966 (5.1.1), space and slash; the underscore,
# and every character that the dialplan's subroutine replaces by it, so that the hook reads the same
# as AMI and the journal (config/asterisk/extensions_pbxbilling.conf; a test compares the two).
SEPARATORS = " -.()/_" + '",$:[]{}\\|'
_WITHOUT = str.maketrans("", "", SEPARATORS)
_MINUS = "\N{MINUS SIGN}"  # looks like a dash, but is a symbol in Unicode
INTERNATIONAL = "00"  # recommended by ITU-T E.164 where there is no plus
# Dialled in place of it in Australia, North America and Japan; elsewhere an area code can begin so.
_ELSEWHERE = ("0011", "011", "010")
_LEAST_ABROAD = 10  # digits after such a prefix, by which it is told from most area codes
_LEAST_LISTED = 8
_MOST_DIGITS = 18  # E.164 has 15, and a prefix may precede them
NOWHERE = "s"  # Asterisk's extension of a channel that dialled no number
_MARK = "***"  # the beginning of a cut number
_KEPT = 3
_SHORT = 6  # extensions and service numbers: three digits would be nearly all of one


class Number(NamedTuple):
    """A number read from text: its `digits`, and whether a `plus` precedes them.

    Without digits the number is either unknown (none was given, or it was cut for privacy), or no
    carrier dials it and it is not `usable`.
    """

    digits: str
    plus: bool = False
    usable: bool = True

    @property
    def international(self) -> str | None:
        """Return the digits from the country code on; None without a plus or 00 before it."""
        rest = self.digits
        while rest.startswith(INTERNATIONAL):  # a PBX may put a plus or 00 before it once more
            rest = rest[len(INTERNATIONAL) :]
        return rest or None if self.plus or rest != self.digits else None

    def international_elsewhere(self, least: int = _LEAST_ABROAD) -> str | None:
        """Return the digits after 011 and the like; None if fewer than `least` follow.

        At a site with other prefixes the number can be a national one.
        """
        for prefix in _ELSEWHERE:
            rest = self.digits[len(prefix) :]
            if self.digits.startswith(prefix) and len(rest) >= least and rest[0] != "0":
                return rest
        return None


def read(text: str) -> Number:
    """Read a number as it is dialled.

    A plus may stand in front, a `#` that ends the dialling at the end, separators anywhere. With
    letters, a `*` or `#` elsewhere, a second plus or digits of other scripts the number is not
    usable, because it is unknown what a carrier makes of them.
    """
    plain = _spelled_plainly(text)  # most numbers are
    if plain is not None:
        return plain
    left = compact(text)
    return _spelled_plainly(left) or Number("", usable=left in ("", NOWHERE) or is_cut(left))


def _spelled_plainly(text: str) -> Number | None:
    digits = text.removeprefix("+")
    if digits.isdecimal() and digits.isascii():
        return Number(digits, plus=digits != text)
    return None


def compact(text: str) -> str:
    """Return the text without separators and without `#` at its end."""
    left = text.translate(_WITHOUT)
    if not (left.isascii() and left.isprintable()):
        left = "".join(filter(_means_something, left))
    return left.rstrip("#")


def _means_something(character: str) -> bool:
    """Return False for spaces, dashes and invisible characters, which pasted numbers contain."""
    return character.isprintable() and character != _MINUS and category(character) != "Pd"


def found_by(text: str) -> str:
    """Return the key to look a DID up by, the same for all spellings; other text unchanged."""
    number = read_listed(text)
    abroad = number.international_elsewhere(_LEAST_LISTED) or number.international
    return abroad or number.digits or text


def read_listed(text: str) -> Number:
    """Read a number of the site's own, as carriers, PBXes, people and spreadsheets write it.

    Nobody gains by its spelling, unlike that of a number dialled. So digits of other scripts are
    digits here, `tel:`, `sip:`, a host and parameters are left out, and so is the national zero in
    `+49 (0)30` (Italy's belongs to the number). Without digits it is no number.
    """
    return _spelled_plainly(text) or _spelled_plainly(_written_plainly(text)) or Number("")


def _written_plainly(text: str) -> str:
    plain = "".join(map(_in_ascii, text)).strip()
    plain = plain.removeprefix("=").removeprefix("'")  # by which a spreadsheet is kept from sums
    plain = _URI.sub("", plain)
    plain = _HOST.sub("", plain)
    if not compact(plain).startswith("+39"):
        plain = _NATIONAL_ZERO.sub(r"\1", plain)
    return compact(plain)


_URI = re.compile(r"^\W*(?:tel|sips?)[:_]", re.IGNORECASE)  # _: from the subroutine
_HOST = re.compile(r"(?<=\d)[;@].*$", re.DOTALL)
_NATIONAL_ZERO = re.compile(r"^(\W*(?:\+|00)[^(]*)\(\s*0\s*\)")


def _in_ascii(character: str) -> str:
    """Return the digit or full-width sign in ASCII, any other character unchanged."""
    if character.isascii():
        return character
    if character.isdecimal():
        return str(decimal(character))
    return normalize("NFKC", character) if east_asian_width(character) == "F" else character


def check_number(text: str) -> str:
    """Return the text of a number in a list unchanged. Raises ValueError for any other text."""
    spoiled = _SPOILED.fullmatch(text.strip())
    if 0 < len(read_listed(text).digits) <= _MOST_DIGITS and not spoiled:
        return text
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    msg = f'expected a number, as "+4930123456", got "{shown}"'
    raise ValueError(msg + (": tell the spreadsheet that the column is text" if spoiled else ""))


_SHOWN = 60
# What spreadsheets make of numbers in cells that they do not know to be text: powers of ten,
# decimals, sums that are below zero, cells too narrow, errors.
_SPOILED = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?E[+-]?\d+|[+-]?\d+[.,]0{1,2}|-\d.*|#+|#[A-Z/0!?]+", re.IGNORECASE
)


def number_in(extension: str) -> str:
    """Return the number of a dialplan extension; "" without a digit: it is only a named place."""
    return extension if any(map(str.isdigit, extension)) else ""


def cut(number: str) -> str:
    """Return a number cut to its last three digits, or to nothing where it is short.

    Cutting again changes nothing.
    """
    if not number or is_cut(number):
        return number
    return _MARK + number[-_KEPT:] if len(number) > _SHORT else _MARK


def is_cut(number: str) -> bool:
    """Return whether the number has been cut already."""
    return number.startswith(_MARK) and len(number) <= len(_MARK) + _KEPT
