"""A PBX with a multi-tenant dialplan of its own, which has never heard of pbxbilling."""

from pathlib import Path

from rig.generated import modules_conf
from rig.settings import Settings
from rig.site import AMI_SECRET, Block

_FIXTURES = Path(__file__).parent / "fixtures" / "plain"


def settings(block: Block) -> Settings:
    """Return an Asterisk whose manager is off and whose journal is unwritten."""
    files = {path.name: path.read_text() for path in _FIXTURES.glob("*.conf")}
    files["manager.conf"] = (
        files["manager.conf"]
        .replace("@SECRET@", AMI_SECRET)
        .replace("[general]", f"[general]\nbindaddr = {block.pbx}")
    )
    files["modules.conf"] = modules_conf()
    return Settings(files=files, shipped=False)
