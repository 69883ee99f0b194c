"""The modules that the subroutine and the journal need: loaded now, and at the next start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pbxbilling.setup.conf.reader import Conf, Line
from pbxbilling.setup.kinds import shipped
from pbxbilling.setup.kinds.parts import is_yes
from pbxbilling.setup.kinds.work import MARK, Work, end_of
from pbxbilling.setup.pbx.console import Console, ConsoleError

_STANDS_ON = {"res_agi": ("res_speech", 0), "cel_custom": ("res_cdrel_custom", 22)}
"""What a module cannot be loaded without, from which release on."""
_NEWER = frozenset({"res_cdrel_custom"})  # the first 22s do not have it, nor need it
_LOADS = frozenset({"load", "preload", "require", "preload-require"})


def wanted_modules(release: int | None) -> list[str]:
    """Return the modules that the subroutine and the journal need, in the order of loading."""
    wanted = []
    for name in (*shipped.modules(), "cel_custom"):
        stands_on, since = _STANDS_ON.get(name, ("", 0))
        if stands_on and (release is None or release >= since):
            wanted.append(stands_on)
        wanted.append(name)
    return wanted


def unloaded(conf: Conf, wanted: Sequence[str]) -> tuple[dict[str, Line], list[str]]:
    """Return which modules modules.conf excludes, and which it does not load at a start."""
    section = conf.first("modules")
    lines = section.values if section else []
    autoload = section.value("autoload") if section else None
    by_itself = autoload is not None and is_yes(autoload.value)
    kept_out = {_module(line.value): line for line in lines if line.name.lower() == "noload"}
    named = {_module(line.value) for line in lines if line.name.lower() in _LOADS}
    excluded = {name: kept_out[name] for name in wanted if name in kept_out}
    missing = [] if by_itself else [one for one in wanted if one not in named | set(excluded)]
    return excluded, missing


def load(work: Work, console: Console, wanted: Sequence[str]) -> None:
    """Have these modules loaded, now and at the next start."""
    wanted = _on_disk(work, wanted)
    conf = work.conf("modules.conf")
    excluded, missing = unloaded(conf, wanted)
    for name, line in excluded.items():
        work.edits[line.path].replace(line.number, [f"load = {name}.so"])
    section = conf.first("modules")
    if missing and section is not None:
        loads = [f"load = {name}.so" for name in missing]
        work.edits[section.path].insert_after(end_of(section), [MARK, *loads])
    load_now(work, console, wanted)


def _on_disk(work: Work, wanted: Sequence[str]) -> list[str]:
    """Leave out the modules that this Asterisk does not have, and say so."""
    section = work.conf("asterisk.conf").first("directories")
    line = section.value("astmoddir") if section else None
    folder = Path(line.value) if line else None
    if folder is None or not folder.is_dir():  # in a container, for instance
        return list(wanted)
    absent = [name for name in wanted if not (folder / f"{name}.so").exists()]
    work.by_hand += [
        f"{folder}/{name}.so is not there: install it (Debian: the package asterisk-modules)"
        for name in absent
        if name not in _NEWER
    ]
    return [name for name in wanted if name not in absent]


def load_now(work: Work, console: Console, wanted: Sequence[str]) -> None:
    """Load what does not run yet."""
    try:
        work.reloads[:0] = [f"module load {one}.so" for one in console.idle_modules(wanted)]
    except ConsoleError as fault:
        work.by_hand.append(f"Asterisk does not answer ({fault}): start it, then run this again")


def _module(value: str) -> str:
    return value.strip().removesuffix(".so")
