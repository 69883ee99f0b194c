"""The page of the measurements: each is taken anew alone, and one that breaks costs no other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.measure import Row, SideTable

SIDES = SideTable("Several sides", ("side", "ms"), (("bare", "1.0"),))
TITLES = {key: bench._title(key) for key in bench.MEASUREMENTS}


def row(name: str, *, ratio: float = 1.0) -> Row:
    return Row(name, 2.0, 2.0, ratio, ratio, ratio, "ms", limit=1.5)


def test_a_part_taken_anew_replaces_its_older_one_and_leaves_the_others() -> None:
    older = bench.page(
        {key: bench.part_of(key, [row(f"{key}, older")]) for key in bench.MEASUREMENTS}, ""
    )
    newer = bench.page({"hook": bench.part_of("hook", [row("hook, newer"), SIDES])}, older)
    assert "hook, newer" in newer
    assert "**Several sides**" in newer
    assert "| hook, older" not in newer
    assert all(f"{key}, older" in newer for key in set(bench.MEASUREMENTS) - {"hook"})
    order = [newer.index(f"## {title}\n") for title in TITLES.values()]
    assert order == sorted(order)
    assert bench.page({}, newer) == newer


def test_a_part_of_no_measurement_leaves_the_page() -> None:
    page = bench.page({"hook": bench.part_of("hook", [row("hook")])}, "# Old\n\n## Gone\n\ntext\n")
    assert "Gone" not in page


def test_one_that_breaks_costs_no_other_and_a_missed_limit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks() -> list[Row]:
        raise LookupError("no server")

    page = tmp_path / "performance.md"
    monkeypatch.setattr(bench, "PAGE", page)
    of_a_module = {
        "hook": breaks,
        "ami": lambda: [row("ami")],
        "store": lambda: [row("store", ratio=2.0)],
    }
    for key, function in of_a_module.items():
        function.__module__ = bench.MEASUREMENTS[key].__module__
        monkeypatch.setitem(bench.MEASUREMENTS, key, function)
    monkeypatch.setattr(sys, "argv", ["bench", *of_a_module])
    assert bench.main() == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "hook: not taken",
        "store: missed: store",
    ]
    assert TITLES["ami"] in page.read_text()
    assert TITLES["hook"] not in page.read_text()
    monkeypatch.setattr(sys, "argv", ["bench", "ami"])
    assert bench.main() == 0
