"""A PBX with a multi-tenant dialplan of its own, which has never heard of pbxbilling."""

from pathlib import Path

from rig.settings import TEMPLATES, Settings
from rig.site import AMI_SECRET, Block

_FIXTURES = Path(__file__).parent / "fixtures" / "plain"
_UNKNOWN_THERE = ("app_celgenuserevent", "cel_custom", "func_lock", "res_cdrel_custom")
"""Modules that such a site has not loaded."""


def settings(block: Block) -> Settings:
    """Return an Asterisk whose manager is off and whose journal is unwritten."""
    files = {path.name: path.read_text() for path in _FIXTURES.glob("*.conf")}
    files["manager.conf"] = (
        files["manager.conf"]
        .replace("@SECRET@", AMI_SECRET)
        .replace("[general]", f"[general]\nbindaddr = {block.pbx}")
    )
    modules = (TEMPLATES / "modules.conf").read_text().splitlines(keepends=True)
    files["modules.conf"] = "".join(
        line for line in modules if not any(f"load = {name}." in line for name in _UNKNOWN_THERE)
    )
    return Settings(files=files, shipped=False)
