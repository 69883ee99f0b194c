"""Reads what Asterisk's console prints for `dialplan show`: dialplans that no file holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pbxbilling.setup.conf.reader import Line
from pbxbilling.setup.pbx.dialplan import Context, Dialplan, Step

_CONSOLE = Path("dialplan show")
_CONTEXT = re.compile(r"^\[ Context '(.+?)' created by '")
_EXTEN = re.compile(r"^  '(.+?)'(?: \(CID match '.*?'\))? =>\s+(.*)$")
_LABEL = re.compile(r"^ {5}\[(.+?)\]\s+(?=\d+\. )(.*)$")
_INCLUDE = re.compile(r"^  Include =>\s+'(.+?)'")
_STEP = re.compile(r"^(?:(\d+)\. (\w+)\((.*)\)|(hint): (.*?))\s+\[[^\]]*\]$")


def shown_dialplan(text: str) -> Dialplan:
    """Build a dialplan from the console's text; lines that are not understood are left out."""
    found = Dialplan()
    context, exten = Context(""), ""
    for number, line in enumerate(text.splitlines(), 1):
        if opened := _CONTEXT.match(line):
            context = found.contexts.setdefault(opened[1], Context(opened[1]))
        elif included := _INCLUDE.match(line):
            context.includes.append(included[1].partition("|")[0])
        else:
            begun, labelled = _EXTEN.match(line), _LABEL.match(line)
            label = labelled[1] if labelled else ""
            exten = begun[1] if begun else exten
            said = begun[2] if begun else labelled[2] if labelled else line.strip()
            context.steps += _step(said, exten, label, Line(_CONSOLE, number, "exten", said, line))
    return found


def _step(said: str, exten: str, label: str, line: Line) -> Iterator[Step]:
    parts = _STEP.match(said.strip())
    if parts is None or not exten:
        return
    yield Step(
        line=line,
        exten=exten,
        priority=parts[4] or parts[1],
        label=label,
        application=parts[2] or "",
        arguments=(parts[3] if parts[4] is None else parts[5]).strip(),
        is_same=False,
    )
