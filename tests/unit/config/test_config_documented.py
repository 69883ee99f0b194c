"""Every setting is in the example file and in the table of the documentation."""

import re
import tomllib
from pathlib import Path

from pbxbilling.config import load
from pbxbilling.config.sections import PbxSettings, RefusalSettings, Section
from pbxbilling.config.settings import Settings

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "pbxbilling.example.toml"
DOCUMENT = ROOT / "docs" / "reference" / "configuration.md"


def every_setting() -> set[str]:
    keys = {f"pbx[].{name}" for name in PbxSettings.model_fields}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Section):
            keys |= {f"{name}.{key}" for key in type(field.default).model_fields}
        elif name != "pbx":
            keys.add(name)
    return keys


def test_the_example_names_every_setting_active_or_commented_out() -> None:
    text = EXAMPLE.read_text()
    uncommented = re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    tables = tomllib.loads(uncommented)
    named = {f"pbx[].{key}" for key in tables.pop("pbx")[0]}
    for name, value in tables.items():
        named |= {f"{name}.{key}" for key in value} if isinstance(value, dict) else {name}
    named |= {
        "pbx[].secret",
        "mqtt.password",
        "usage.token",
        "agi.token",
    }  # in prose: there is one, not two
    assert 'secret = "…"' in text
    assert 'password = "…"' in text
    assert 'token = "…"' in text
    assert named == every_setting()


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pbxbilling.toml").write_text(EXAMPLE.read_text())
    (tmp_path / "ami.secret").touch(0o600)
    (tmp_path / "ami.secret").write_text("s")
    example = load(tmp_path / "pbxbilling.toml", {})
    assert example.model_copy(update={"pbx": ()}) == Settings()


def test_the_table_names_every_setting_and_no_other() -> None:
    text = DOCUMENT.read_text()
    rows = set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE))
    reasons = set(RefusalSettings.model_fields) - {"cause"}
    assert all(f"`{reason}`" in text for reason in reasons)
    expected = every_setting() - {f"refusal.{reason}" for reason in reasons}
    assert rows == expected | {"refusal.REASON"}
