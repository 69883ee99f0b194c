"""The dialplans that operators have: a frame for each kind of site, with the site's recipe in it.

A frame (rig/fixtures) is the rig's own text with the names of the real one. Each has two trunks, of
which the first wants `TRUNK_PREFIX` before every number, and offers the same inside.conf.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pbxbilling.setup.recipes import recipe
from rig.asterisk import Asterisk
from rig.provision import ASTERISK_16, ASTERISK_22, Release
from rig.settings import Settings
from rig.site import Block

TRUNK_PREFIX = "9"
"""The prefix that the first trunk wants before every number (FreePBX: Outbound Dial Prefix)."""

_FIXTURES = Path(__file__).parent / "fixtures"

_FREEPBX_JOURNAL = {
    "cel.conf": "[general]\n#include cel_general_additional.conf\n"
    "#include cel_general_custom.conf\n",
    "cel_general_additional.conf": "enable=yes\nevents=all\ndateformat=%F %T\n",
}
"""The files that FreePBX rewrites at every reload of its own."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One kind of site: its Asterisk, and the names that its dialplan has for common things."""

    name: str
    release: Release
    home: str
    """The context of its phones."""
    trunks: tuple[str, str, str]
    """The contexts of its trunks; nobody has touched the third one's."""
    asks_each_trunk: bool = True
    """Whether the hook is asked again for each trunk that is tried."""

    def settings(self, block: Block, custom: Mapping[str, str] | None = None) -> Settings:
        """Return an Asterisk with this dialplan; `custom` are the site's own files by name."""
        files = dict(custom or {})
        inside = {phone.name: self.home for phone in block.phones()}
        outside = {c.name: to for c, to in zip(block.carriers(), self.trunks, strict=True)}
        trunks = {"OUT_1": "carrier", "OUT_2": "carrier2"}
        prefix = {"OUTPREFIX_1": TRUNK_PREFIX, "PREFIX_TRUNK_1": "1"}
        return Settings(
            site=self.dialplan(),
            globals={**trunks, **prefix, **_globals(files.get("globals_custom.conf", ""))},
            contexts={**inside, **outside},
            files={name: files[name] for name in files if name.startswith("cel_")}
            | (_FREEPBX_JOURNAL if self.is_freepbx else {}),
        )

    def dialplan(self) -> str:
        """Return the recipe and the frame; a site's custom files precede what its PBX writes."""
        fixture = "freepbx" if self.is_freepbx else self.name
        frame = (_FIXTURES / f"{fixture}.conf").read_text()
        inside = (_FIXTURES / "inside.conf").read_text().replace("@HOME@", self.home)
        if self.is_freepbx:
            frame = _macros(frame, self.release)
        return f"{self._recipe()}\n{frame}\n{inside}"

    @property
    def is_freepbx(self) -> bool:
        """Whether it is one of the two of FreePBX."""
        return self.name.startswith("freepbx")

    def _recipe(self) -> str:
        if self.name == "plain":
            return _with_a_second_trunk(recipe("plain", TENANT=["acme", "globex"], TRUNK="carrier"))
        providers = ["SIP-TRUNK-ONE", "SIP-TRUNK-TWO"]
        return recipe(self.name, TENANT="acme", PROVIDER=providers)


_INCOMING = "from-pstn-pbxbilling"
FREEPBX_17 = Frame("freepbx17", ASTERISK_22, "from-internal", (_INCOMING, _INCOMING, "from-pstn"))
FREEPBX_16 = Frame("freepbx16", ASTERISK_16, "from-internal", (_INCOMING, _INCOMING, "from-pstn"))
PLAIN = Frame(
    "plain", ASTERISK_22, "acme-internal", ("from-carrier", "from-carrier", "dids"),
    asks_each_trunk=False,
)  # fmt: skip
WAZO = Frame(
    "wazo", ASTERISK_22, "default-key-internal",
    ("default-key-incall", "default-key-incall", "default-key-incall"),
)  # fmt: skip
MIKOPBX = Frame(
    "mikopbx", ASTERISK_22, "all_peers",
    ("SIP-TRUNK-ONE-incoming", "SIP-TRUNK-TWO-incoming", "SIP-TRUNK-TWO-incoming"),
)  # fmt: skip
FRAMES = (FREEPBX_17, FREEPBX_16, PLAIN, WAZO, MIKOPBX)


def fill_database(asterisk: Asterisk) -> None:
    """Fill Asterisk's database as FreePBX does: a device's user, and that user's account code."""
    for phone in asterisk.block.phones():
        asterisk.rx(f"database put DEVICE {phone.extension}/user {phone.extension}")
        asterisk.rx(f"database put AMPUSER {phone.extension}/accountcode {phone.tenant}")


def _with_a_second_trunk(text: str) -> str:
    """Write the first trunk's prefix into the recipe by hand, and a second trunk to go on with."""
    first = f"Dial(PJSIP/{TRUNK_PREFIX}${{EXTEN}}@carrier,60,Tt)\n"
    failed = '$["${DIALSTATUS}" = "CONGESTION" | "${DIALSTATUS}" = "CHANUNAVAIL"]'
    second = f"same => n,ExecIf({failed}?Dial(PJSIP/${{EXTEN}}@carrier2,60,Tt))\n"
    return text.replace("Dial(PJSIP/${EXTEN}@carrier,60)\n", first + second)


def _globals(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def _macros(frame: str, release: Release) -> str:
    """Write the macros as the release does: `Macro` before Asterisk 21, then subroutines."""
    if release == ASTERISK_16:
        frame = re.sub(r"MACRO\((.*)\)", r"Macro(\1)", frame)
        return frame.replace("LEAVE()", "MacroExit()")
    frame = re.sub(r"MACRO\(([\w-]+),?(.*)\)", r"Gosub(macro-\1,s,1(\2))", frame)
    return frame.replace("LEAVE()", "Return()")
