"""Reads Asterisk's configuration files as it does itself (main/config.c); each line has its place.

`#include` and `#tryinclude` with patterns, templates `[a](!)`, `[b](a)` and additions `[a](+)` are
understood. `#exec` runs a program in Asterisk: it is noted in `Conf.unread` and never run here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from pbxbilling.setup.conf.patterns import matching, unquoted
from pbxbilling.setup.conf.text import Comments, significant, stripped, text_of

__all__ = ["Conf", "Line", "Section", "read", "text_of"]

_LEVELS_MOST = 11  # of files within one another, the first included


@dataclass(frozen=True, slots=True)
class Line:
    """One `name = value` (or `name => value`) with its place; `number` counts from 1."""

    path: Path
    number: int
    name: str
    value: str
    raw: str
    """The line as it stands in the file."""

    @property
    def place(self) -> str:
        """The place as an operator writes it: file, colon, line."""
        return f"{self.path}:{self.number}"


@dataclass(slots=True)
class Section:
    """A `[name]` and the lines below it. One name may head several sections of a file."""

    name: str
    path: Path
    number: int
    templates: tuple[str, ...] = ()
    is_template: bool = False
    adds: bool = False
    """It is `[name](+)`: it adds to the first section of that name."""
    lines: list[Line] = field(default_factory=list)
    """Those below it, without those of its templates."""
    values: list[Line] = field(default_factory=list)
    """All that Asterisk has of it: its templates' lines, its own, those that others add to it."""

    def last(self, name: str) -> Line | None:
        """Return its own line of that name that is in force: the last one, whatever its case."""
        return _last(self.lines, name)

    def value(self, name: str) -> Line | None:
        """Return the line of that name that is in force, be it a template's or an addition's."""
        return _last(self.values, name)


def _last(lines: list[Line], name: str) -> Line | None:
    return next((line for line in reversed(lines) if line.name.lower() == name.lower()), None)


@dataclass(slots=True)
class Conf:
    """A configuration file with all that it includes, in the order in which Asterisk reads it."""

    path: Path
    sections: list[Section] = field(default_factory=list)
    """Every heading, additions and templates too."""
    files: list[Path] = field(default_factory=list)
    """Every file that was read, the file itself first."""
    unread: list[str] = field(default_factory=list)
    """What could not be read, as `place: reason`."""
    refused: list[str] = field(default_factory=list)
    """What Asterisk refuses, as `place: reason`: it takes none of the file, or not its rest."""

    @property
    def categories(self) -> list[Section]:
        """What Asterisk has of it: additions are part of what they add to, templates are not."""
        return [one for one in self.sections if not one.adds and not one.is_template]

    def named(self, name: str) -> list[Section]:
        """Return the sections of that name, whatever its case; no templates."""
        return [
            one for one in self.sections if one.name.lower() == name.lower() and not one.is_template
        ]

    def first(self, name: str) -> Section | None:
        """Return the first section of that name: most parts of Asterisk read no other."""
        return next((one for one in self.named(name) if not one.adds), None)

    def get(self, section: str, name: str) -> str | None:
        """Return the value in force, from all sections of that name; None if there is none."""
        line = self.line(section, name)
        return None if line is None else line.value

    def line(self, section: str, name: str) -> Line | None:
        """Return the line whose value is in force where all sections of that name count."""
        named = [one for one in self.named(section) if not one.adds]
        found = [line for one in named if (line := one.value(name)) is not None]
        return found[-1] if found else None

    def own(self, section: Section, name: str) -> Line | None:
        """Return the line in force in a section, None where it is a template's."""
        adding = [one for one in self.sections if one.adds and one.name == section.name]
        line = section.value(name)
        return line if any(line in one.lines for one in [section, *adding]) else None

    def effective(self, section: Section) -> dict[str, str]:
        """Return the values in force in a section, templates included; names in lower case."""
        return {line.name.lower(): line.value for line in section.values}


def read(folder: Path, name: str, *, is_part: bool = False) -> Conf:
    """Read `folder`/`name`. A file that does not exist is an empty one.

    `is_part`: other files may include it, and have what it adds to or inherits from.
    """
    conf = Conf(folder / name)
    reader = _Reader(folder, conf, is_part=is_part)
    if conf.path.exists():
        try:
            reader.read([conf.path])
        except _RefusedError as fault:
            conf.refused.append(f"{fault}: Asterisk takes nothing of {conf.path} for that")
    return conf


class _RefusedError(Exception):
    """A fault for which Asterisk takes nothing of the file; the message is `place: reason`."""


class _Reader:
    """Reads one file after the other into a `Conf`."""

    def __init__(self, folder: Path, conf: Conf, *, is_part: bool) -> None:
        self._folder = folder
        self._is_part = is_part
        self._conf = conf
        self._newest: Section | None = None  # where an included file begins
        self._targets: dict[int, Section] = {}  # id of an addition → what it adds to
        self._level = 0

    def read(self, paths: list[Path]) -> int:
        """Read files one after the other, as one `#include` names them; return how many.

        A file that is refused stays on the count of files within one another, as it does there:
        after a file that includes itself no further one is read.
        """
        if self._level == _LEVELS_MOST:
            return 0
        self._level += 1
        section, comments = self._newest, Comments()
        count = 0
        for path in paths:
            try:
                if not path.is_file():
                    continue
                text = text_of(path)
            except OSError as fault:
                self._conf.unread.append(f"{path}: {fault.strerror}")
                count += 1
                continue
            count += 1
            self._conf.files.append(path)
            for number, said, raw in significant(text, comments):
                section = self._take(section, Line(path, number, "", said, raw))
        self._level -= 1
        return count

    def _take(self, section: Section | None, line: Line) -> Section | None:
        """Take one line; return the section that the next one is in.

        What an included file heads ends with that file: the section of the `#include` goes on.
        """
        if line.value.startswith("["):
            return self._open(line)
        if line.value.startswith("#"):
            self._follow(line)
        elif section is None:
            self._refuse(f"{line.place}: a line before any [section]")
        else:
            self._set(section, line)
        return section

    def _open(self, line: Line) -> Section:
        name, closed, rest = line.value[1:].partition("]")
        options, ended, _ = rest[1:].partition(")") if rest.startswith("(") else ("", ")", "")
        if not closed or not ended:
            raise _RefusedError(f"{line.place}: a section without its closing bracket")
        words = options.split(",") if options else []
        section = Section(
            name=name,
            path=line.path,
            number=line.number,
            templates=tuple(word for word in words if word != "!" and not word.startswith("+")),
            is_template="!" in words,
            adds=any(word.startswith("+") for word in words),
        )
        target = (self._found(line, name) if section.adds else None) or section
        for template in section.templates:
            base = self._found(line, template)
            target.values += base.values if base else []
        if section.adds:
            target.is_template = target.is_template or section.is_template
            self._targets[id(section)] = target
        self._newest = section
        self._conf.sections.append(section)
        return section

    def _found(self, line: Line, name: str) -> Section | None:
        """Return the first section of that name, which a heading asks for."""
        for one in self._conf.sections:
            if one.name.lower() == name.lower() and not one.adds:
                return one
        self._refuse(f"{line.place}: no section [{name}] before it")
        return None

    def _set(self, section: Section, line: Line) -> None:
        name, value, appends = _pair(line.value)
        if not name:
            return
        target = self._targets.get(id(section), section)
        made = Line(line.path, line.number, name, stripped(value), line.raw)
        if appends and (old := _last(target.values, name)) is not None:
            joined = stripped(f"{old.value}{value}")
            made = Line(line.path, line.number, name, joined, line.raw)
            target.values[target.values.index(old)] = made
        else:
            target.values.append(made)
        section.lines.append(made)

    def _follow(self, line: Line) -> None:
        words = re.match(r"#([!-\U0010ffff]*)(.*)", line.value, re.DOTALL)
        what = words[1].lower() if words else ""
        named = unquoted(stripped(words[2])) if words else ""
        if what == "exec" and named:
            self._conf.unread.append(f"{line.place}: #exec {named}")
        if what not in {"include", "tryinclude"} or not named:
            return
        try:
            count = self.read(matching(self._folder, named))
        except _RefusedError as fault:  # of an included file: what came before it stays
            self._conf.refused.append(f"{fault}: Asterisk takes no line after it in that file")
            return
        if not count and named.startswith("/") and not Path(named).parent.is_dir():
            self._conf.unread.append(f"{line.place}: no folder of {named} on this machine")
        elif not count and what == "include":
            deep = self._level == _LEVELS_MOST
            reason = "too many files within one another" if deep else f"no file {named}"
            self._refuse(f"{line.place}: {reason}")

    def _refuse(self, fault: str) -> None:
        """Take nothing more of a file; of a part, note what is not in it."""
        if not self._is_part:
            raise _RefusedError(fault)
        self._conf.unread.append(fault)


def _pair(said: str) -> tuple[str, str, bool]:
    """Split `name = value`, `name => value` or `name += value`; True for the last form.

    The name is empty where it is none of them. A backslash hides what the first character means.
    """
    escaped = said.startswith("\\")
    said = said[1:] if escaped else said
    at = said.find("=", 1 if escaped else 0)
    if at < 0:
        return "", "", False
    name, value = said[:at], said[at + 1 :]
    if at > escaped and name.endswith("+"):
        return stripped(name[:-1]), value, True
    return stripped(name), stripped(value.removeprefix(">")), False
