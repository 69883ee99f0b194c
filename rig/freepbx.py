"""A dialplan with the frame of FreePBX's: routes, trunk macro with its hook, trunks in turn.

FreePBX 16 calls its macros with `Macro`, 17, for Asterisk 21 and later, as subroutines. A site's
own `extensions_custom.conf` comes before what FreePBX itself brings, as it does there.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from rig.asterisk import Asterisk
from rig.provision import ASTERISK_16, Release
from rig.settings import Settings
from rig.site import Block, Endpoint

TRUNK_PREFIX = "9"
"""What the first trunk wants before every number (FreePBX: Outbound Dial Prefix)."""

_JOURNAL = {
    "cel.conf": "[general]\n#include cel_general_additional.conf\n"
    "#include cel_general_custom.conf\n",
    "cel_general_additional.conf": "enable=yes\nevents=all\ndateformat=%F %T\n",
}
"""FreePBX writes these two at every reload of its own."""

_FRAME = Path(__file__).parent / "fixtures" / "freepbx.conf"


def settings(release: Release, block: Block, custom: Mapping[str, str]) -> Settings:
    """An Asterisk with two trunks, and a third that the site has left as FreePBX made it.

    `custom` are the site's own files, by name; extensions_custom.conf and globals_custom.conf
    among them.
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
    """Asterisk's database as FreePBX fills it: whose device a phone is, and its user's code."""
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
