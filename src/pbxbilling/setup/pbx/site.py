"""What kind of PBX this is, told by marks of its own in its configuration folder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pbxbilling.setup.conf.reader import read, text_of
from pbxbilling.setup.files.backup import SetupError
from pbxbilling.setup.pbx.console import Console, ConsoleError

ETC = Path("/etc/asterisk")
LAST_MACRO = 20  # `Macro` left with Asterisk 21


class Kind(StrEnum):
    """Who writes the dialplan."""

    PLAIN = "plain"
    FREEPBX = "freepbx"
    WAZO = "wazo"
    MIKOPBX = "mikopbx"


@dataclass(frozen=True, slots=True)
class Site:
    """One PBX on this machine."""

    etc: Path
    kind: Kind
    release: int | None
    """Asterisk's major release; None where no Asterisk runs."""
    has_macro: bool
    """Macros are `Macro`, not subroutines: FreePBX 16 and before."""
    directories: Mapping[str, str]
    """The folders of asterisk.conf, by name."""

    @property
    def name(self) -> str:
        """The site as it is told to the operator."""
        release = f", Asterisk {self.release}" if self.release else ""
        of = {Kind.PLAIN: "a dialplan written by hand", Kind.FREEPBX: self._freepbx}
        return f"{of.get(self.kind, self.kind.value.capitalize())}{release}"

    @property
    def _freepbx(self) -> str:
        return "FreePBX 16 or older" if self.has_macro else "FreePBX 17"

    @property
    def log(self) -> Path:
        """The folder of Asterisk's logs."""
        return Path(self.directories.get("astlogdir", "/var/log/asterisk"))


def find(etc: Path, console: Console) -> Site:
    """Look at a configuration folder. Raises SetupError where there is none."""
    if not (etc / "extensions.conf").exists() and not (etc / "asterisk.conf").exists():
        raise SetupError(
            f"{etc}: no configuration of Asterisk there: name its folder with --etc, or print the "
            "files for another machine with --print"
        )
    release = None
    with contextlib.suppress(ConsoleError):  # said by the plan, which asks again
        release = console.release()
    directories = read(etc, "asterisk.conf")
    kind = kind_of(etc)
    return Site(
        etc=etc,
        kind=kind,
        release=release,
        has_macro=_has_macro(etc, release),
        directories={
            line.name.lower(): line.value
            for section in directories.named("directories")
            for line in section.lines
        },
    )


def kind_of(etc: Path) -> Kind:
    """Return who writes the dialplan in a folder."""
    generated = _text(etc / "extensions_additional.conf")
    main = _text(etc / "extensions.conf")
    if "macro-dialout-trunk" in generated or (etc / "extensions_override_freepbx.conf").exists():
        return Kind.FREEPBX
    if "wazo-confgend" in main or (etc / "extensions_extra.d").is_dir():
        return Kind.WAZO
    if "all-outgoing-custom" in main + generated:
        return Kind.MIKOPBX
    return Kind.PLAIN


def _has_macro(etc: Path, release: int | None) -> bool:
    if release is not None:
        return release <= LAST_MACRO
    return "MacroExit" in _text(etc / "extensions_additional.conf")


def _text(path: Path) -> str:
    return text_of(path) if path.is_file() else ""
