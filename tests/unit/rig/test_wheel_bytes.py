"""A wheel that is built twice has the same bytes, wherever, whenever and by whomever."""

import zipfile
from pathlib import Path

from tests.support.rig.wheels import built, copied, digests_of_two


def test_it_is_the_same_in_another_folder_and_environment(tmp_path: Path) -> None:
    copies = copied(tmp_path / "one"), copied(tmp_path / "a longer path" / "two")
    one, other = digests_of_two(tmp_path, *copies, {})
    assert one == other


def test_it_says_its_licence_and_brings_the_text(tmp_path: Path) -> None:
    with zipfile.ZipFile(built(copied(tmp_path / "one"), {})) as wheel:
        names = wheel.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        lines = wheel.read(metadata).decode().splitlines()
        info = metadata.removesuffix("METADATA")
        licence = wheel.read(f"{info}licenses/LICENSE").decode()
    assert "License-Expression: Apache-2.0" in lines
    assert f"{info}licenses/NOTICE" in names
    assert f"{info}licenses/src/pbxbilling/documents/fonts/LICENSE.txt" in names
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert not any("License ::" in line for line in lines)
