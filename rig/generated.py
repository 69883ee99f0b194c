"""The /etc/asterisk that FreePBX, Wazo and MikoPBX leave behind, and a bare one by hand.

In the rig's own words: files, includes, contexts and variables have the names of the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.asterisk import Asterisk
from rig.provision import ASTERISK_16, ASTERISK_22, Release
from rig.settings import TEMPLATES, Settings
from rig.site import Block

NEVER_LOADED = ("app_celgenuserevent", "cel_custom", "func_lock", "res_cdrel_custom")
"""Modules that such a PBX may not have loaded."""

_FIXTURES = Path(__file__).parent / "fixtures"


def modules_conf() -> str:
    """Return the rig's modules.conf as a PBX has it that does not know us."""
    lines = (TEMPLATES / "modules.conf").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not any(f"= {one}." in line for one in NEVER_LOADED))


@dataclass(frozen=True, slots=True)
class Generated:
    """One kind of PBX, as its own program has written it."""

    name: str
    release: Release
    home: str
    """The context of its phones."""
    trunk: str
    """The context of its trunks."""
    has_macro: bool = False

    def settings(self, block: Block, more: Mapping[str, str] | None = None) -> Settings:
        """Return such an Asterisk; `more` replaces files."""
        contexts = {phone.name: self.home for phone in block.phones()}
        contexts |= {carrier.name: self.trunk for carrier in block.carriers()}
        modules = f"{modules_conf()}load = func_dialplan.so\n"
        files = {"modules.conf": modules, **self.files(block), **(more or {})}
        return Settings(files=files, contexts=contexts, shipped=False)

    def files(self, block: Block) -> dict[str, str]:
        """Return its files, name → text."""
        folder = _FIXTURES / f"{self.name}-etc"
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {str(path.relative_to(folder)): self._filled(path, block) for path in paths}

    def _filled(self, path: Path, block: Block) -> str:
        phones = "\n".join(f"PHONE_{one.extension} = {one.name}" for one in block.phones())
        text = path.read_text().replace("@PHONES@", phones).replace("@PBX@", block.pbx)
        if self.has_macro:
            return re.sub(r"MACRO\((.*)\)", r"Macro(\1)", text).replace("LEAVE()", "MacroExit()")
        text = re.sub(r"MACRO\(([\w-]+),?(.*)\)", r"Gosub(macro-\1,s,1(\2))", text)
        return text.replace("LEAVE()", "Return()")


FREEPBX_17 = Generated("freepbx", ASTERISK_22, "from-internal", "from-pstn")
FREEPBX_16 = Generated("freepbx", ASTERISK_16, "from-internal", "from-pstn", has_macro=True)
WAZO = Generated("wazo", ASTERISK_22, "default-internal", "default-incall")
MIKOPBX = Generated("mikopbx", ASTERISK_22, "all_peers", "SIP-PROVIDER-1-incoming")
BARE = Generated("bare", ASTERISK_22, "acme-internal", "from-carrier")


def click_contexts(asterisk: Asterisk, old: str, new: str) -> None:
    """Give the trunks another context, as FreePBX does when an operator clicks so."""
    pjsip = asterisk.directory / "etc/pjsip.conf"
    pjsip.write_text(pjsip.read_text().replace(f"context = {old}\n", f"context = {new}\n"))
    asterisk.rx("module reload res_pjsip.so")
