"""The tables of docs/reference/accounts.md list every key of the accounts file, and no other."""

import re
from pathlib import Path

import pytest

from pbxbilling.config.accounts_file import PlanTable, TenantTable
from pbxbilling.config.sections import Section

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "accounts.md"


@pytest.mark.parametrize(("heading", "table"), [("Plans", PlanTable), ("Tenants", TenantTable)])
def test_the_table_names_every_key_and_no_other(heading: str, table: type[Section]) -> None:
    _, section = DOCUMENT.read_text().split(f"\n## {heading}\n")
    rows = re.findall(r"^\| `([^`]+)` \|", section.split("\n## ")[0], flags=re.MULTILINE)
    assert sorted(rows) == sorted(table.model_fields)
