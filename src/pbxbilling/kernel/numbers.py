"""A telephone number as it is dialled, read alike by all who ask what it is.

One number has many spellings, and who pays chooses among them: rates by destination, emergency
numbers and DIDs are looked up by what is read here, whether the hook, AMI or the journal told the
number. Records keep the text as it was told. docs/reference/calls.md says the same for people.
"""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import category

# What carries no digit: the visual separators of RFC 3966 (5.1.1), space and slash; the underscore,
# and with it all that the dialplan's subroutine writes as one, so that the hook reads what AMI and
# the journal do (config/asterisk/extensions_pbxbilling.conf; a test holds the two together).
SEPARATORS = " -.()/_" + '",$:[]{}\\|'
_WITHOUT = str.maketrans("", "", SEPARATORS)
_MINUS = "\N{MINUS SIGN}"  # a dash by its looks; Unicode calls it a symbol
INTERNATIONAL = "00"  # recommended by ITU-T E.164 where there is no plus
_NOWHERE = "s"  # Asterisk's extension of a channel that dialled none
_MARK = "***"  # what a cut number begins with
_KEPT = 3
_SHORT = 6  # extensions and service numbers: three digits of them would be nearly all


class Number(NamedTuple):
    """What a text says as a number: its `digits`, behind a `plus` or not.

    Without digits it is not known (nothing was told, or it was cut for privacy), or no carrier
    dials it and it is not `usable`.
    """

    digits: str
    plus: bool = False
    usable: bool = True

    @property
    def international(self) -> str | None:
        """The digits from the country code on, where a plus or 00 says that it has one."""
        if self.plus:
            return self.digits
        return self.digits[2:] or None if self.digits.startswith(INTERNATIONAL) else None


def read(text: str) -> Number:
    """Read a number as it is dialled.

    A plus stands in front, a `#` that ends the dialling at the end, separators anywhere. Letters, a
    `*` or `#` elsewhere, a second plus and the digits of other scripts are not understood: what a
    carrier makes of them is not known, and the number not usable.
    """
    plain = _spelled_plainly(text)  # as most are
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
    """The text without separators and without a `#` at its end."""
    left = text.translate(_WITHOUT)
    if not (left.isascii() and left.isprintable()):
        left = "".join(filter(_means_something, left))
    return left.rstrip("#")


def _means_something(character: str) -> bool:
    """Not so spaces, dashes and what cannot be seen: they come with numbers that are pasted."""
    return character.isprintable() and character != _MINUS and category(character) != "Pd"


def found_by(text: str) -> str:
    """What a number is looked up by, alike in all its spellings; other text by itself."""
    number = read(text)
    return number.international or number.digits or text


def told_by(extension: str) -> str:
    """The number that an extension of the dialplan tells: one without a digit is a mere place."""
    return extension if any(map(str.isdigit, extension)) else ""


def cut(number: str) -> str:
    """What is left of a number: the last three digits of a long one, nothing of a short one.

    Cutting again changes nothing.
    """
    if not number or is_cut(number):
        return number
    return _MARK + number[-_KEPT:] if len(number) > _SHORT else _MARK


def is_cut(number: str) -> bool:
    """Whether there is nothing left to cut."""
    return number.startswith(_MARK) and len(number) <= len(_MARK) + _KEPT
