"""The bill of materials is valid, whole, and the same whenever it is written."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import pbxbilling
from rig.locked import RUNTIME, releases
from rig.sbom import bill
from tests.support.house.build import ROOT

LOCK = ROOT / RUNTIME


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "pbxbilling-1-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


def document(described: Path | None = None, epoch: int | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(bill(LOCK, described, epoch))
    return loaded


def test_it_keeps_to_the_schema(wheel: Path) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for text in (bill(LOCK, wheel, None), bill(LOCK, None, 1_700_000_000)):
        assert validator.validate_str(text) is None


def test_it_is_the_same_whenever_it_is_written(wheel: Path) -> None:
    first = bill(LOCK, wheel, None)
    assert bill(LOCK, wheel, None) == first
    wheel.write_bytes(b"another wheel")
    assert json.loads(bill(LOCK, wheel, None))["serialNumber"] != json.loads(first)["serialNumber"]


def test_no_instant_stands_in_it_but_the_one_that_is_given() -> None:
    assert "timestamp" not in document()["metadata"]
    dated = document(epoch=1_700_000_000)["metadata"]
    assert dated["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_we_are_described_with_licence_and_hash(wheel: Path) -> None:
    ours = document(wheel)["metadata"]["component"]
    assert (ours["name"], ours["version"]) == ("pbxbilling", pbxbilling.__version__)
    assert [one["license"]["id"] for one in ours["licenses"]] == ["Apache-2.0"]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert ours["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_each_release_stands_with_the_hashes_of_its_files_and_its_licence() -> None:
    components = {one["name"]: one for one in document()["components"]}
    locked = {one.name: one for one in releases(LOCK) if "win32" not in one.marker}
    assert components.keys() - locked.keys() == {"uvloop"}  # "not on Windows" is everywhere here
    for name, one in locked.items():
        said = components[name]
        (files,) = said["externalReferences"]
        assert {f"sha256:{each['content']}" for each in files["hashes"]} == set(one.hashes)
        assert said["purl"] == f"pkg:pypi/{name}@{one.version}"
        assert "licenses" in said or version(name) != one.version, name


def test_who_requires_whom_reaches_everything_from_us() -> None:
    said = document()
    requires = {one["ref"]: one.get("dependsOn", []) for one in said["dependencies"]}
    reached: set[str] = set()
    waiting = [said["metadata"]["component"]["bom-ref"]]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += requires[reference]
    assert reached == requires.keys()
    assert len(reached) == len(said["components"]) + 1
