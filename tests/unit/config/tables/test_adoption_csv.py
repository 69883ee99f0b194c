"""Rows to adopt from a CSV file: what is wrong is named with line and column."""

from __future__ import annotations

import pytest

from pbxbilling.config.faults import ConfigError
from pbxbilling.config.tables.adoption_csv import read_adoption
from pbxbilling.subscriptions.adoption.matching import AdoptionRow


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("tenant,subscription\nacme,sub_1\n", [AdoptionRow("acme", "sub_1", None, "f.csv:2")]),
        ("tenant;customer\nacme;cus_1\n", [AdoptionRow("acme", None, "cus_1", "f.csv:2")]),
        (
            "subscription,customer,tenant\r\nsub_1,cus_1,acme\r\n\r\n,cus_2, globex \r\n",
            [
                AdoptionRow("acme", "sub_1", "cus_1", "f.csv:2"),
                AdoptionRow("globex", None, "cus_2", "f.csv:4"),
            ],
        ),
        ("tenant,subscription\n", []),
    ],
)
def test_rows_are_read_in_any_order_of_columns(text: str, rows: list[AdoptionRow]) -> None:
    assert read_adoption(text, "f.csv") == rows


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["f.csv:1: the file is empty: the first row names the columns"]),
        ("tenant\nacme\n", ["f.csv:1: the first row names the columns"]),
        ("subscription\nsub_1\n", ["f.csv:1: the first row names the columns"]),
        ("tenant,subscription,mail\n", ["f.csv:1: mail: "]),
        ("tenant,tenant,customer\n", ["f.csv:1: tenant: this column occurs twice"]),
        ("tenant,subscription\nacme\n", ["f.csv:2: 1 cells under 2 columns"]),
        ("tenant,subscription\n,sub_1\n", ["f.csv:2: tenant: expected the name of a tenant"]),
        ("tenant,customer\nacme,\n", ["f.csv:2: customer: expected the id of a subscription"]),
        (
            "tenant,subscription,customer\nacme,cus_1,\n\nb,,sub_1\n",
            [
                'f.csv:2: subscription: expected an id, as "sub_…", got "cus_1"',
                'f.csv:4: customer: expected an id, as "cus_…", got "sub_1"',
            ],
        ),
        ('tenant,subscription\nacme,"sub_1\n', ["f.csv:2: not valid CSV"]),
    ],
)
def test_every_fault_is_named_with_line_and_column(text: str, faults: list[str]) -> None:
    with pytest.raises(ConfigError) as told:
        read_adoption(text, "f.csv")
    assert [
        str(fault).startswith(wanted)
        for fault, wanted in zip(told.value.faults, faults, strict=True)
    ] == [True] * len(faults)
