"""A dialplan with FreePBX's frame: routes, trunk macro with its hook, trunks tried in turn.

FreePBX 16 calls its macros with `Macro`; 17, for Asterisk 21 and later, calls them as subroutines.
A site's own `extensions_custom.conf` precedes what FreePBX itself brings, as it does there.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from rig.asterisk import Asterisk
from rig.provision import ASTERISK_16, Release
from rig.settings import Settings
from rig.site import Block, Endpoint

TRUNK_PREFIX = "9"
"""The prefix that the first trunk wants before every number (FreePBX: Outbound Dial Prefix)."""

_JOURNAL = {
    "cel.conf": "[general]\n#include cel_general_additional.conf\n"
    "#include cel_general_custom.conf\n",
    "cel_general_additional.conf": "enable=yes\nevents=all\ndateformat=%F %T\n",
}
"""The files that FreePBX rewrites at every reload of its own."""

_FRAME = Path(__file__).parent / "fixtures" / "freepbx.conf"


def settings(release: Release, block: Block, custom: Mapping[str, str]) -> Settings:
    """Return an Asterisk with two trunks, and a third that the site left as FreePBX made it.

    `custom` holds the site's own files by name; extensions_custom.conf and globals_custom.conf
    are among them.
    """
    inside = {phone.name: "from-internal" for phone in block.phones()}
    first, second, untouched = (carrier.name for carrier in block.carriers())
    ours = "from-pstn-pbxbilling"
    trunks = {"OUT_1": first, "OUT_2": second, "OUTPREFIX_1": TRUNK_PREFIX, "PREFIX_TRUNK_1": "1"}
    return Settings(
        site=f"{custom['extensions_custom.conf']}\n{_written(_FRAME.read_text(), release)}",
        globals={**trunks, **_globals(custom["globals_custom.conf"])},
        contexts={**inside, first: ours, second: ours, untouched: "from-pstn"},
        files={**_JOURNAL, **{name: custom[name] for name in custom if name.startswith("cel_")}},
    )


def fill_database(asterisk: Asterisk, phone: Endpoint, account_code: str) -> None:
    """Fill Asterisk's database as FreePBX does: the device's user, and that user's code."""
    asterisk.rx(f"database put DEVICE {phone.extension}/user {phone.extension}")
    asterisk.rx(f"database put AMPUSER {phone.extension}/accountcode {account_code}")


def _globals(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def _written(frame: str, release: Release) -> str:
    if release == ASTERISK_16:
        frame = re.sub(r"MACRO\((.*)\)", r"Macro(\1)", frame)
        return frame.replace("LEAVE()", "MacroExit()")
    frame = re.sub(r"MACRO\(([\w-]+),?(.*)\)", r"Gosub(macro-\1,s,1(\2))", frame)
    return frame.replace("LEAVE()", "Return()")
