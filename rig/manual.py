"""Writes the manual page and the shells' completions out of the commands themselves.

`python -m rig.manual FOLDER`. What is written depends on the commands alone, so two builds agree.
Completion asks no program: Python would take a third of a second for every key.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from pbxbilling import __version__
from pbxbilling.cli.main import app

PROGRAM = "pbxbilling"

_FRONT = """\
.TH PBXBILLING 1 "" "pbxbilling {version}" "User Commands"
.SH NAME
pbxbilling \\- call admission, live usage and billing for Asterisk
.SH SYNOPSIS
.B pbxbilling
.I COMMAND
[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]
.SH DESCRIPTION
A daemon beside Asterisk that decides, for every call, whether the plan of its tenant allows it, and
the commands that speak with it. Commands go through the running daemon and are in force for the
next call. Every command has \\fB\\-\\-help\\fR.
.SH COMMANDS
"""
_BACK = """\
.SH EXIT STATUS
0: done. 1: failed, with one message on standard error. 2: wrong usage.
.SH ENVIRONMENT
.TP
.B PBXBILLING_CONFIG
The configuration file, in place of /etc/pbxbilling/pbxbilling.toml.
.TP
.BR PBXBILLING_ *
Any key of that file: PBXBILLING_MODE, PBXBILLING_AGI__LISTEN.
.SH FILES
.TP
.I /etc/pbxbilling/pbxbilling.toml
The configuration.
.TP
.I /var/lib/pbxbilling/pbxbilling.db
The database.
.TP
.I /run/pbxbilling/admin.sock
Where the commands reach the daemon.
.SH SEE ALSO
.BR asterisk (8),
.BR systemctl (1)
.PP
/usr/share/doc/pbxbilling/docs/README.md
"""
_BASH = """\
# bash completion for pbxbilling
_pbxbilling() {{
    local word path=pbxbilling words
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$path $word" in
            {groups}) path="$path $word" ;;
        esac
    done
    case "$path" in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _pbxbilling pbxbilling
"""
_ZSH = """\
#compdef pbxbilling
local word line="pbxbilling" known
for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$line $word" in
        {groups}) line="$line $word" ;;
    esac
done
case "$line" in
{cases}
esac
if [[ -n "$known" ]]; then
    compadd -- ${{=known}}
fi
_files
"""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its spellings, what it takes ("" for a flag), and what it is for."""

    names: Sequence[str]
    takes: str
    help: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One command or group by its whole name, `pbxbilling tenant show`."""

    name: str
    help: str
    arguments: Sequence[str]
    options: Sequence[Option]
    commands: Sequence[str]
    runs: bool
    """A group that does nothing by itself has no page."""


def entries() -> list[Entry]:
    """Return every command, in the order of `--help`."""
    return list(_walk(typer.main.get_command(app), PROGRAM))


def _walk(command: Any, name: str) -> Iterator[Entry]:
    children: dict[str, Any] = getattr(command, "commands", {})
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [_option(one) for one in command.params if one.param_type_name == "option"]
    yield Entry(
        name,
        " ".join((command.help or "").split()),
        [one.name.upper() for one in arguments],
        [*options, Option(["--help"], "", "Show the help and exit.")],
        list(children),
        not children or bool(options),
    )
    for child, below in children.items():
        yield from _walk(below, f"{name} {child}")


def _option(parameter: Any) -> Option:
    names = [*parameter.opts, *parameter.secondary_opts]
    takes = "" if parameter.is_flag else parameter.metavar or parameter.name.rstrip("_").upper()
    return Option(names, takes, " ".join((parameter.help or "").split()))


def manual_page(commands: Sequence[Entry]) -> str:
    """Return the page in roff."""
    body = "".join(_section(one) for one in commands if one.runs)
    return _FRONT.format(version=__version__) + body + _BACK


def _section(entry: Entry) -> str:
    words = "".join(f" \\fI{_roff(one)}\\fR" for one in entry.arguments)
    lines = [f".SS \\fB{_roff(entry.name)}\\fR{words}", _roff(entry.help)]
    for option in entry.options:
        if option.names != ["--help"]:
            spelled = ", ".join(f"\\fB{_roff(one)}\\fR" for one in option.names)
            lines += [".TP", f"{spelled} \\fI{_roff(option.takes)}\\fR".removesuffix(" \\fI\\fR")]
            lines.append(_roff(option.help))
    return "".join(f"{line}\n" for line in lines)


def _roff(text: str) -> str:
    """Return text as roff prints it: no line of it is taken for a request."""
    quoted = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{quoted}" if quoted.startswith(".") else quoted


def _words(entry: Entry) -> list[str]:
    return [*entry.commands, *(name for option in entry.options for name in option.names)]


def bash(commands: Sequence[Entry]) -> str:
    """Return the completion of bash."""
    return _shell(commands, _BASH, '        "{name}") words="{words}" ;;')


def zsh(commands: Sequence[Entry]) -> str:
    """Return the completion of zsh."""
    return _shell(commands, _ZSH, '    "{name}") known="{words}" ;;')


def _shell(commands: Sequence[Entry], template: str, case: str) -> str:
    groups = "|".join(f'"{one.name}"' for one in commands[1:])
    cases = (case.format(name=one.name, words=" ".join(_words(one))) for one in commands)
    return template.format(groups=groups, cases="\n".join(cases))


def fish(commands: Sequence[Entry]) -> str:
    """Return the completion of fish."""
    lines = ["# fish completion for pbxbilling"]
    helps = {one.name: one.help for one in commands}
    for entry in commands:
        path = entry.name.split()[1:]
        seen = [f"__fish_seen_subcommand_from {word}" for word in path]
        unseen = [f"not __fish_seen_subcommand_from {' '.join(entry.commands)}"]
        below = " && ".join([*seen, *(unseen if entry.commands else [])])
        for child in entry.commands:
            told = _fish(helps[f"{entry.name} {child}"])
            lines.append(f"complete -c {PROGRAM} -f -n '{below}' -a {child} -d '{told}'")
        for option in entry.options:
            spelled = " ".join(_fish_name(name) for name in option.names)
            more = " -r" if option.takes else ""
            where = f" -n '{below}'" if below else ""
            lines.append(f"complete -c {PROGRAM}{where} {spelled}{more} -d '{_fish(option.help)}'")
    return "".join(f"{line}\n" for line in lines)


def _fish_name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _fish(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def main() -> None:
    """Write the files into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    commands = entries()
    files = {
        f"{PROGRAM}.1": manual_page,
        f"{PROGRAM}.bash": bash,
        f"_{PROGRAM}": zsh,
        f"{PROGRAM}.fish": fish,
    }
    for name, text in files.items():
        (folder / name).write_text(text(commands))


if __name__ == "__main__":
    main()
