"""PBXes as folders of configuration files, and a console that prints what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.setup.draft.draft import Draft, draft
from pbxbilling.setup.draft.sources import gather
from pbxbilling.setup.pbx.console import Console, ConsoleError
from pbxbilling.setup.pbx.look import look
from pbxbilling.setup.pbx.site import Kind


@dataclass(frozen=True, slots=True)
class ScriptedConsole(Console):
    """Prints the text of a line; a line without one fails, as without an Asterisk."""

    answers: Mapping[str, str] = field(default_factory=dict)

    def run(self, line: str) -> str:
        """Return the text. Raises ConsoleError."""
        if line not in self.answers:
            msg = f"`asterisk -rx {line}`: no Asterisk runs"
            raise ConsoleError(msg)
        return self.answers[line]


def drafted(
    etc: Path,
    files: Mapping[str, str],
    kind: Kind = Kind.PLAIN,
    answers: Mapping[str, str] | None = None,
    trunks: tuple[str, ...] = (),
) -> Draft:
    """Write the files of a site, and return the draft of its accounts."""
    for name, text in files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    console = ScriptedConsole(answers=answers or {})
    return draft(gather(kind, etc, look(etc, trunks), console))
