"""Read and cut telephone numbers as they are dialled, in the same way everywhere.

One number has many spellings, and the caller, who pays, chooses the spelling: destination rates,
emergency numbers and DIDs are looked up by what is read here, whether the number comes from the
hook, AMI or the journal. Records store the text as received. docs/reference/calls.md explains it
for people.
"""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import category

# Characters to ignore: the visual separators of RFC 3966 (5.1.1), space and slash; the underscore,
# and every character that the dialplan's subroutine replaces by it, so that the hook reads the same
# as AMI and the journal (config/asterisk/extensions_pbxbilling.conf; a test compares the two).
SEPARATORS = " -.()/_" + '",$:[]{}\\|'
_WITHOUT = str.maketrans("", "", SEPARATORS)
_MINUS = "\N{MINUS SIGN}"  # looks like a dash, but is a symbol in Unicode
INTERNATIONAL = "00"  # recommended by ITU-T E.164 where there is no plus
_NOWHERE = "s"  # Asterisk's extension of a channel that dialled no number
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
        if self.plus:
            return self.digits
        return self.digits[2:] or None if self.digits.startswith(INTERNATIONAL) else None


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
    return _spelled_plainly(left) or Number("", usable=left in ("", _NOWHERE) or is_cut(left))


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
    """Return the key to look a number up by, the same for all spellings; other text unchanged."""
    number = read(text)
    return number.international or number.digits or text


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
