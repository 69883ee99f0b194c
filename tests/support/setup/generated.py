"""A folder as FreePBX or Wazo has written it, and what a set-up of it would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pbxbilling.setup.asterisk import Request, SetupPlan, plan, write
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.site import Kind
from rig.generated import Generated
from rig.settings import TEMPLATES
from rig.site import Block
from tests.support.kernel.clock import Clock
from tests.support.setup.sites import ScriptedConsole

_PJSIP = """
[101]
type = endpoint
context = from-internal
accountcode = acme
auth = 101
outbound_auth = 101
[102]
type = endpoint
context = from-internal
auth = 102
[carrier]
type = endpoint
context = from-pstn
[carrier2]
type = endpoint
context = from-pstn-pbxbilling
"""


@dataclass(frozen=True, slots=True)
class Folder:
    """A machine with such a folder."""

    etc: Path
    config: Path
    console: Console

    def planned(
        self,
        hook: str = "127.0.0.1:4590",
        kind: Kind | None = None,
        trunks: Sequence[str] = (),
    ) -> SetupPlan:
        """Return what a set-up would do."""
        return plan(
            Request(
                config=self.config,
                etc=self.etc,
                console=self.console,
                hook=hook,
                kind=kind,
                trunks=tuple(trunks),
            )
        )

    def changed(self, planned: SetupPlan) -> set[str]:
        """Return the names of the files of the PBX that it would write."""
        inside = [one.path for one in planned.changes if self.etc in one.path.parents]
        return {str(path.relative_to(self.etc)) for path in inside}

    def after(self, planned: SetupPlan, name: str) -> str:
        """Return the text that a file would have."""
        for change in planned.changes:
            if change.path == self.etc / name:
                return change.after
        return (self.etc / name).read_text()

    def write(self, planned: SetupPlan) -> None:
        """Do it."""
        write(planned, Clock())


def folder_of(
    path: Path,
    frame: Generated,
    more: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    command: str = "asterisk",
    release: int | None = None,
) -> Folder:
    """Write such a folder; `more` replaces files, and `missing` ones are not there."""
    etc = path / "asterisk"
    names = {
        "pjsip.conf": _PJSIP,
        "modules.conf": "[modules]\nautoload=yes\n",
        "asterisk.conf": (TEMPLATES / "asterisk.conf").read_text().replace("/rig/", f"{path}/"),
        **frame.files(Block(16)),
        **(more or {}),
    }
    for name, text in names.items():
        if name not in missing:
            (etc / name).parent.mkdir(parents=True, exist_ok=True)
            (etc / name).write_text(text)
    answers = {
        "core show version": f"Asterisk {release or frame.release.major}.1.0 built by root",
        "module show": "",
    }
    console = ScriptedConsole(command, answers=answers)
    return Folder(etc, path / "pbxbilling" / "pbxbilling.toml", console)
