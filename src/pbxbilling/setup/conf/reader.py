"""Reads Asterisk's configuration files as it does itself (main/config.c); each line has its place.

Comments, `;-- … --;` blocks, `#include` and `#tryinclude` with patterns, templates `[a](!)`,
`[b](a)` and additions `[a](+)` are understood. `#exec` runs a program in Asterisk: it is noted in
`Conf.unread` and never run here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_INCLUDES_MOST = 10  # main/config.c, MAX_INCLUDE_LEVEL
_HEADER = re.compile(r"\[([^\]]*)\]\s*(?:\(([^)]*)\))?")
_DIRECTIVE = re.compile(r"#\s*(include|tryinclude|exec)\b\s*(.*)", re.IGNORECASE)
_ESCAPED = "\\;"


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
    """It is `[name](+)`: it adds to the section of that name before it."""
    lines: list[Line] = field(default_factory=list)

    def last(self, name: str) -> Line | None:
        """Return the line of that name that is in force: the last one, whatever its case."""
        found = [line for line in self.lines if line.name.lower() == name.lower()]
        return found[-1] if found else None


@dataclass(slots=True)
class Conf:
    """A configuration file with all that it includes, in the order in which Asterisk reads it."""

    path: Path
    sections: list[Section] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    """Every file that was read, the file itself first."""
    unread: list[str] = field(default_factory=list)
    """What could not be read, as `place: reason`."""

    def named(self, name: str) -> list[Section]:
        """Return the sections of that name."""
        return [section for section in self.sections if section.name == name]

    def get(self, section: str, name: str) -> str | None:
        """Return the value in force, from all sections of that name; None if there is none."""
        line = self.line(section, name)
        return None if line is None else line.value

    def line(self, section: str, name: str) -> Line | None:
        """Return the line whose value is in force."""
        found = [line for one in self.named(section) if (line := one.last(name)) is not None]
        return found[-1] if found else None

    def inherited(self, section: Section) -> Iterator[Line]:
        """Yield the lines of a section's templates, then its own and those that add to it."""
        for name in section.templates:
            template = self._before(section, name)
            if template is not None:
                yield from self.inherited(template)
        yield from section.lines

    def _before(self, section: Section, name: str) -> Section | None:
        """Return the first section of that name, if it was read before this one."""
        for one in self.sections:
            if one is section:
                break
            if one.name == name:
                return one
        return None

    def effective(self, section: Section) -> dict[str, str]:
        """Return the values in force in a section, templates included; names in lower case."""
        return {line.name.lower(): line.value for line in self.inherited(section)}


def read(folder: Path, name: str) -> Conf:
    """Read `folder`/`name`. A file that does not exist is an empty one."""
    conf = Conf(folder / name)
    reader = _Reader(folder, conf)
    if conf.path.exists():
        reader.read(conf.path, 0)
    return conf


def text_of(path: Path) -> str:
    """Return a file's text; bytes that are no UTF-8 survive a round trip."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def without_comment(text: str) -> str:
    """Return a line up to its `;`, with `\\;` for a semicolon that is meant."""
    kept: list[str] = []
    position = 0
    while position < len(text):
        if text.startswith(_ESCAPED, position):
            kept.append(";")
            position += len(_ESCAPED)
        elif text[position] == ";":
            break
        else:
            kept.append(text[position])
            position += 1
    return "".join(kept).strip()


def significant(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield number, text without comments, and text as it is, of each line that says something."""
    in_block = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip("\r")
        if in_block:
            _, end, line = line.partition("--;")
            if not end:
                continue
            in_block = False
        line, block, after = _split_block(line)
        if block:
            _, end, rest = after.partition("--;")
            in_block = not end
            line = f"{line}{rest}"
        if said := without_comment(line):
            yield number, said, raw.strip("\r")


def _split_block(line: str) -> tuple[str, bool, str]:
    """Split at a `;--` that opens a block; `;---` is a plain comment."""
    found = re.search(r"(?<!\\);--(?!-)", line)
    if found is None or ";" in line[: found.start()].replace(_ESCAPED, ""):
        return line, False, ""
    return line[: found.start()], True, line[found.end() :]


class _Reader:
    """Reads one file after the other into a `Conf`."""

    def __init__(self, folder: Path, conf: Conf) -> None:
        self._folder = folder
        self._conf = conf
        self._section: Section | None = None

    def read(self, path: Path, level: int) -> None:
        try:
            text = text_of(path)
        except OSError as fault:
            self._conf.unread.append(f"{path}: {fault.strerror}")
            return
        self._conf.files.append(path)
        for number, said, raw in significant(text):
            if said.startswith("["):
                self._open(path, number, said)
            elif directive := _DIRECTIVE.match(said):
                self._follow(path, number, directive[1].lower(), directive[2], level)
            elif self._section is not None:
                name, value = _pair(said)
                self._section.lines.append(Line(path, number, name, value, raw))

    def _open(self, path: Path, number: int, said: str) -> None:
        header = _HEADER.match(said)
        if header is None:
            self._conf.unread.append(f"{path}:{number}: a section without its ]")
            return
        options = [word.strip() for word in (header[2] or "").split(",") if word.strip()]
        self._section = Section(
            name=header[1],
            path=path,
            number=number,
            templates=tuple(word for word in options if word not in {"!", "+"}),
            is_template="!" in options,
            adds="+" in options,
        )
        self._conf.sections.append(self._section)

    def _follow(self, path: Path, number: int, what: str, named: str, level: int) -> None:
        target = _unquoted(named)
        if what == "exec":
            self._conf.unread.append(f"{path}:{number}: #exec {target}")
            return
        if level + 1 >= _INCLUDES_MOST:
            self._conf.unread.append(f"{path}:{number}: too many includes within one another")
            return
        found = sorted(_matching(self._folder, target))
        if not found and what == "include":
            self._conf.unread.append(f"{path}:{number}: no file {target}")
        for one in found:
            self.read(one, level + 1)


def _matching(folder: Path, pattern: str) -> Iterable[Path]:
    path = Path(pattern)
    if not pattern:
        return []
    if path.is_absolute():
        return Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    return folder.glob(pattern)


def _unquoted(text: str) -> str:
    text = text.strip()
    for opened, closed in (('"', '"'), ("<", ">")):
        if text.startswith(opened):
            return text[1:].partition(closed)[0]
    return text


def _pair(said: str) -> tuple[str, str]:
    """Split `name = value` or `name => value`; a line with neither has an empty value."""
    name, equals, value = said.partition("=")
    if equals and value.startswith(">"):
        value = value[1:]
    return name.strip(), value.strip()
