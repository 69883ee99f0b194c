"""No text of a customer becomes a formula, however a spreadsheet opens it, and none is lost."""

import csv
import unicodedata
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.runtime.csv_cells import guarded, unguarded, write_rows

FORMULAS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"  # full width, and small
INVISIBLE = (
    "",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\x00",
    "\x0b",
    "\xa0",
    "\u3000",
    "\ufeff",
    "\u200b",
)

texts = st.text(st.sampled_from([*FORMULAS, *"".join(INVISIBLE), *"';,\"ab1"]), max_size=8)


@pytest.mark.parametrize("mark", FORMULAS)
@pytest.mark.parametrize("before", INVISIBLE)
def test_a_formula_is_guarded_in_every_width_and_behind_what_cannot_be_seen(
    mark: str, before: str
) -> None:
    text = f"{before}{mark}1+1"
    assert guarded(text) == f"'{text}"


@given(texts | st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    cell = guarded(text)
    seen = "".join(one for one in cell if one.isprintable() and not one.isspace())
    assert unicodedata.normalize("NFKC", seen[:1]) not in {"=", "+", "-", "@"}
    assert cell[:1] not in {"\t", "\r", "\n"}


@given(texts | st.text())
def test_what_is_guarded_is_read_back_the_same(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(st.lists(texts, min_size=1, max_size=4))
def test_no_other_separator_makes_a_cell_of_its_own(row: list[str]) -> None:
    """Excel separates by semicolons where the comma is in numbers; a text has no cell inside."""
    file = StringIO(newline="")
    write_rows(file, [row])
    assert next(csv.reader(StringIO(file.getvalue(), newline=""))) == row
    whole = '","'.join(cell.replace('"', '""') for cell in row)
    assert file.getvalue() == f'"{whole}"\r\n'
