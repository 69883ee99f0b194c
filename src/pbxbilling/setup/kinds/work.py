"""The changes of one set-up while they are gathered: edits of files, new files, what to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.setup.conf.edits import Edits, with_value
from pbxbilling.setup.conf.reader import Conf, Section, read, text_of
from pbxbilling.setup.files.changes import FileChange, needed

MARK = "; pbxbilling: written by `pbxbilling setup asterisk`, taken out by its --undo."


@dataclass(slots=True)
class Work:
    """What a set-up of the PBX in `etc` would do."""

    etc: Path
    edits: defaultdict[Path, Edits] = field(default_factory=lambda: defaultdict(Edits))
    files: dict[Path, FileChange] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    """What a person must do, one sentence each; with the place where there is one."""
    reloads: list[str] = field(default_factory=list)
    """Console commands, in order."""
    model: Path | None = None
    """A file whose owner and rights all new files get; None: those of what they stand beside."""

    def conf(self, name: str) -> Conf:
        """Read a file of the PBX."""
        return read(self.etc, name, is_part=True)

    def file(
        self, path: Path, text: str, like: Path | None = None, *, is_private: bool = False
    ) -> None:
        """Have a file with this text, whatever is there."""
        before = text_of(path) if path.exists() else None
        self.files[path] = FileChange(
            path, before, text, like=self.model or like, is_private=is_private
        )

    def include(self, main: str, ours: str) -> None:
        """Have `main` include our file, once, at its end."""
        if self.etc / ours not in self.conf(main).files:
            self.edits[self.etc / main].append(["", MARK, f'#include "{ours}"'])

    def set_key(
        self, conf: Conf, section: str, name: str, value: str, *, every: bool = False
    ) -> None:
        """Have `name = value` in force in a section, which is made at the end of the file.

        `every`: Asterisk reads all sections of that name in this file, and not the first alone.
        """
        found = conf.first(section)
        line = found.value(name) if found else None
        if every:
            line = conf.line(section, name)
        if line is not None:
            if line.value != value:
                self.edits[line.path].replace(line.number, [with_value(line, value)])
        elif found is not None:
            self.edits[found.path].insert_after(end_of(found), [f"{name} = {value}"])
        else:
            self.edits[conf.path].append(["", MARK, f"[{section}]", f"{name} = {value}"])

    def reload(self, *commands: str) -> None:
        """Run console commands afterwards, each once."""
        self.reloads += [one for one in commands if one not in self.reloads]

    def changes(self) -> list[FileChange]:
        """Return the changes that are needed: edited files first, then new ones."""
        edited = [self._edited(path, edits) for path, edits in sorted(self.edits.items())]
        return list(needed([*edited, *self.files.values()]))

    def _edited(self, path: Path, edits: Edits) -> FileChange:
        before = text_of(path) if path.exists() else None
        beside = next((one for one in sorted(self.etc.glob("*.conf")) if one != path), None)
        return FileChange(path, before, edits.applied(before or ""), like=self.model or beside)


def end_of(section: Section) -> int:
    """Return the number of the last line of a section in its own file."""
    own_lines = [line.number for line in section.lines if line.path == section.path]
    return max([section.number, *own_lines])


def joined(lines: Sequence[str]) -> str:
    """Return lines as a file's text."""
    return "".join(f"{line}\n" for line in lines)
