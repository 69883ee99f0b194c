"""Files with what they include; tests/system/test_setup_reader.py asks Asterisk itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.setup.conf.reader import Conf, read


def conf(folder: Path, **files: str) -> Conf:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".conf").write_bytes(text.encode("latin-1"))
    return read(folder, "main.conf")


def pairs(found: Conf) -> list[tuple[str, list[str]]]:
    return [
        (one.name, [f"{line.name}={line.value}" for line in one.values]) for one in found.categories
    ]


def test_the_section_of_an_include_goes_on_behind_it(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[a]\nx=1\n#include one.conf\ny=2", one="z=3\n[b]\nw=4")
    assert pairs(found) == [("a", ["x=1", "z=3", "y=2"]), ("b", ["w=4"])]


def test_a_second_include_begins_where_the_first_ended(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[a]\n#include one.conf\n#include two.conf", one="[b]\n", two="x=1")
    assert pairs(found) == [("a", []), ("b", ["x=1"])]


def test_templates_and_additions(tmp_path: Path) -> None:
    text = "[t](!)\na=1\n[x](t)\nb=2\n[y](!,t)\nc=3\n[z](x,y)\n[x](+)\nd=4\n[T](+)\ne=5\n[v](t)"
    assert pairs(conf(tmp_path, main=text)) == [
        ("x", ["a=1", "b=2", "d=4"]),
        ("z", ["a=1", "b=2", "a=1", "c=3"]),
        ("v", ["a=1", "e=5"]),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=1", "a=1"),
        ("a => 1", "a=1"),
        ("a = b = c", "a=b = c"),
        ("\\[a=1", "[a=1"),
        ("a=", "a="),
        ("a += 1", "a=1"),
        ("a", None),
        ("=1", None),
    ],
)
def test_a_pair(tmp_path: Path, line: str, expected: str | None) -> None:
    assert pairs(conf(tmp_path, main=f"[s]\n{line}")) == [("s", [expected] if expected else [])]


def test_a_value_is_added_to(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[s]\na=1\nb=2\na += 3")
    assert pairs(found) == [("s", ["a=1 3", "b=2"])]


@pytest.mark.parametrize(
    "named",
    ['"one.conf"', "<one.conf>", "one.conf", "{folder}/one.conf", "o*.conf", "{{x,one}}.conf"],
)
def test_what_includes_name(tmp_path: Path, named: str) -> None:
    text = f"[a]\n#include {named.format(folder=tmp_path)}\n"
    assert pairs(conf(tmp_path, main=text, one="x=1")) == [("a", ["x=1"])]


def test_a_pattern_leaves_hidden_files_and_folders_out(tmp_path: Path) -> None:
    (tmp_path / "d/sub.conf").mkdir(parents=True)
    (tmp_path / "d/.hidden.conf").write_text("h=1")
    found = conf(tmp_path, main="[a]\n#include d/*.conf", d__b="b=1", d__a="a=1")
    assert pairs(found) == [("a", ["a=1", "b=1"])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("#include no.conf", "no file no.conf"),
        ("[x](nobody)", "no section [nobody]"),
        ("[y](+)", "no section [y]"),
        ("[x", "closing bracket"),
        ("[x](a", "closing bracket"),
        ("#include main.conf\n#include one.conf", "within one another"),
    ],
)
def test_what_asterisk_refuses_is_said_with_its_place(
    tmp_path: Path, line: str, reason: str
) -> None:
    found = conf(tmp_path, main=f"[a]\n{line}\nz=1", one="")
    assert any(reason in one and str(tmp_path / "main.conf") in one for one in found.refused)


def test_a_fault_of_an_included_file_ends_that_file_alone(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[a]\n#include one.conf\nz=1", one="x=1\n[b](no)\ny=1")
    assert pairs(found) == [("a", ["x=1", "z=1"])]
    assert len(found.refused) == 1


@pytest.mark.parametrize("line", ["#tryinclude no.conf", "# include no.conf", '#include"no"', "#x"])
def test_what_is_left_out(tmp_path: Path, line: str) -> None:
    assert conf(tmp_path, main=f"[a]\n{line}\n").refused == []


def test_a_program_is_named_and_not_run(tmp_path: Path) -> None:
    (said,) = conf(tmp_path, main="[a]\n#exec /usr/bin/false x").unread
    assert said == f"{tmp_path}/main.conf:2: #exec /usr/bin/false x"


def test_what_stands_in_force(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[A](!)\nx=0\n[s](A)\nX=1\n[s]\nx=2\n[s](+)\ny=3")
    assert (found.get("S", "x"), found.get("s", "y"), found.get("s", "z")) == ("2", "3", None)
    first = found.first("s")
    assert first is not None
    assert found.effective(first) == {"x": "1", "y": "3"}
    assert found.own(first, "y") is not None


def test_a_line_of_a_template_is_not_a_sections_own(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[t](!)\nx=0\n[s](t)\n")
    (section,) = found.categories
    assert found.own(section, "x") is None


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[a]\nx=M\xfcller\n")
    assert pairs(found) == [("a", ["x=M\udcfcller"])]


def test_a_part_of_another_file_may_add_to_what_is_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "part.conf").write_text("x=1\n[a](+,t)\ny=2\n#include no.conf\nz=3\n")
    found = read(tmp_path, "part.conf", is_part=True)
    assert [line.name for line in found.named("a")[0].lines] == ["y", "z"]
    assert found.refused == []


def test_a_folder_that_is_not_on_this_machine_is_said(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[a]\n#include /nowhere/at/all/x.conf\nz=1")
    assert pairs(found) == [("a", ["z=1"])]
    assert len(found.unread) == 1


def test_a_block_of_comments_goes_on_in_the_next_file_of_a_pattern(tmp_path: Path) -> None:
    found = conf(tmp_path, main="[a]\n#include d/*.conf\ny=2", d__a=";--\n", d__b="x=1\n--;\nz=3")
    assert pairs(found) == [("a", ["z=3", "y=2"])]
