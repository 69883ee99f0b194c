"""A plain dialplan in a folder: set up in place, and what each of its extensions does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pbxbilling.setup.asterisk import Request, SetupPlan, plan
from pbxbilling.setup.conf.reader import read
from pbxbilling.setup.pbx.dialplan import Dialplan, dialplan_of
from tests.support.setup.sites import ScriptedConsole

TRUNKS = ("PJSIP/carrier", "PJSIP/carrier2")
PJSIP = """
[carrier]
type = endpoint
context = from-carrier
[carrier2](carrier)
"""
HOOK = "pbxbilling-admit,s,1("

Steps = dict[int, tuple[str, str]]
"""Priority → label and application with its arguments."""


@dataclass(frozen=True, slots=True)
class PlainSite:
    """A PBX in a folder, and the configuration of the daemon beside it."""

    etc: Path

    @classmethod
    def of(cls, folder: Path, files: Mapping[str, str]) -> PlainSite:
        """Write the files of a PBX, and `pjsip.conf` where they have none."""
        for name, text in {"pjsip.conf": PJSIP, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        return cls(folder)

    def plan(self, *, trunks: tuple[str, ...] = TRUNKS, **answers: str) -> SetupPlan:
        """Plan a set-up; `answers` are those of the console."""
        named = {name.replace("_", " "): text for name, text in answers.items()}
        config = self.etc / "daemon/pbxbilling.toml"
        return plan(Request(config, self.etc, ScriptedConsole(answers=named), trunks=trunks))

    def set_up(self, *, trunks: tuple[str, ...] = TRUNKS) -> SetupPlan:
        """Set up, without a backup; return what was planned."""
        planned = self.plan(trunks=trunks)
        for change in planned.changes:
            change.path.parent.mkdir(exist_ok=True)
            change.path.write_bytes(change.after.encode("utf-8", "surrogateescape"))
        return planned

    def text(self, name: str) -> str:
        """Return the text of a file."""
        return (self.etc / name).read_bytes().decode("utf-8", "surrogateescape")

    def dialplan(self) -> Dialplan:
        """Read the dialplan."""
        return dialplan_of(read(self.etc, "extensions.conf"))

    def extens(self) -> dict[tuple[str, str], Steps]:
        """Return the steps of each extension, those of our own contexts left out."""
        return {
            (context.name, key): {
                step.number: (step.label, f"{step.application}({step.arguments})") for step in steps
            }
            for context in self.dialplan().contexts.values()
            if not context.name.startswith("pbxbilling-")
            for key, steps in context.extens().items()
        }


def unhooked(steps: Steps) -> Steps:
    """Return the steps as they would be without our hooks: what a set-up must leave as it was."""
    steps = dict(steps)
    for number in sorted(steps):
        label, called = steps.get(number, ("", ""))
        if found := re.fullmatch(r"Goto\((pbxbilling-\d+)\)", called):
            (behind,) = [at for at, step in steps.items() if step[0] == found[1]]
            assert HOOK in steps.pop(behind)[1]
            steps[number] = (label, steps.pop(behind + 1)[1])
            back = steps.pop(behind + 2, None)
            assert (back == ("", f"Goto({number + 1})")) == (number + 1 in steps)
    kept: Steps = {}
    hooks, label = 0, ""
    for number in sorted(steps):
        if HOOK in steps[number][1]:
            hooks += 1
            label = steps[number][0]
            assert number + 1 in steps
        else:
            kept[number - hooks] = (steps[number][0] or label, steps[number][1])
            label = ""
    return kept
