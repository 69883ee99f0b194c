"""What every kind of site needs: the manager's user, the journal, the subroutine, the globals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pbxbilling.setup.conf.reader import Conf, Line, Section
from pbxbilling.setup.kinds import shipped
from pbxbilling.setup.kinds.work import MARK, Work, end_of

USER = "pbxbilling"
MAIN = "manager.conf"
JOURNAL = "pbxbilling.csv"
_ANY = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - compared only
_YES = frozenset({"yes", "true", "y", "t", "1", "on"})
_LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Manager:
    """Where the daemon finds the manager of this PBX."""

    host: str
    port: int
    secret: str


def manager(
    work: Work,
    secret: str,
    *,
    main: str = MAIN,
    name: str = shipped.MANAGER,
    daemon: str = _LOCAL,
) -> Manager:
    """Have a manager user of least rights in the file `name`; an existing secret stays.

    `main` is to include it; empty where the PBX reads the file's folder. `daemon` is the address
    from which the daemon logs in. Only a manager.conf that is the site's own is edited.
    """
    conf = work.conf(MAIN)
    ours = work.etc / name
    found = _secret_of(conf) or _secret_of(work.conf(name))
    bound = _general(conf, "bindaddr")
    if not is_yes(_general(conf, "enabled")):
        bound = _enable(work, conf, bound, is_own=main == MAIN)
    host = _LOCAL if bound in _ANY else bound
    theirs = [one for one in conf.named(USER) if one.path != ours and not one.adds]
    if theirs:
        work.by_hand.append(_kept(theirs[0], conf))
    else:
        text = _user(shipped.text(shipped.MANAGER), found or secret, {host, daemon}, conf, ours)
        work.file(ours, text, like=work.etc / MAIN, is_private=True)
        if main:
            work.include(main, name)
    work.reload("manager reload")
    port = _general(conf, "port")
    return Manager(host, int(port) if port.isdecimal() else 5038, found or secret)


def _enable(work: Work, conf: Conf, bound: str, *, is_own: bool) -> str:
    """Have the manager listen; return its address."""
    if not is_own:
        work.by_hand.append(
            f"{conf.path}: the manager is off: enabled = yes, in the PBX' own pages"
        )
        return bound
    if conf.first("general") is None:  # without an address it would listen everywhere
        lines = ["[general]", "enabled = yes", f"bindaddr = {_LOCAL}"]
        work.edits[conf.path].append(["", MARK, *lines])
        return _LOCAL
    work.set_key(conf, "general", "enabled", "yes")
    if not bound:
        work.set_key(conf, "general", "bindaddr", _LOCAL)
    return bound or _LOCAL


def _kept(user: Section, conf: Conf) -> str:
    """Say that a manager user of the site's own stays, and what it needs."""
    names = [name.strip() for name in _general(conf, "channelvars").split(",")]
    variable = "" if "PBXBILLING" in names else ", and PBXBILLING in channelvars"
    return (
        f"{user.path}:{user.number}: [{USER}] is there already and stays as it is: it needs read ="
        f" system,call,cdr and write = call,reporting{variable}"
    )


def _general(conf: Conf, name: str) -> str:
    """Return what manager.conf says in its first [general]: no other is read."""
    section = conf.first("general")
    line = section.value(name) if section else None
    return line.value if line else ""


def _secret_of(conf: Conf) -> str:
    return conf.get(USER, "secret") or ""


def _user(text: str, secret: str, hosts: Iterable[str], conf: Conf, ours: Path) -> str:
    """Fill in the shipped user: its secret, addresses of its own, the site's channel variables."""
    text = text.replace(";secret =", f"secret = {secret}")
    general = conf.first("general")
    theirs = [
        line.value
        for line in (general.values if general else ())
        if line.name.lower() == "channelvars" and line.path != ours
    ]
    if theirs:
        names = [*(name.strip() for name in theirs[-1].split(",")), "PBXBILLING"]
        text = re.sub(
            r"(?m)^channelvars = .*$", f"channelvars = {','.join(dict.fromkeys(names))}", text
        )
    for host in sorted(hosts):
        if not is_loopback(host):
            text = re.sub(
                r"(?m)^(permit = .*)$", rf"\1\npermit = {host.strip('[]')}", text, count=1
            )
    return text


def is_yes(value: str | None) -> bool:
    """Return whether a value is one that Asterisk takes for yes."""
    return (value or "").lower() in _YES


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def journal(work: Work, log: Path) -> None:
    """Have Asterisk write its journal in our form.

    A date format that the site has chosen stays: the doctor says whether it can be read.
    """
    cel = work.conf("cel.conf")
    if cel.first("general") is None:
        work.file(work.etc / shipped.CEL, shipped.text(shipped.CEL), like=work.etc / "cel.conf")
        work.include("cel.conf", shipped.CEL)
    elif work.etc / shipped.CEL not in cel.files:
        if not is_yes(cel.get("general", "enable")):
            work.set_key(cel, "general", "enable", "yes", every=True)
        if not cel.get("general", "dateformat"):
            work.set_key(cel, "general", "dateformat", "%s.%6q", every=True)
        if events := missing_events(cel):
            work.set_key(cel, "general", "events", ",".join(events), every=True)
    mapping(work, "cel_custom.conf")
    journal_folder(work, log)


def journal_folder(work: Work, log: Path) -> None:
    """Have the journal's folder, which Asterisk does not make, and have it read its settings."""
    work.reload("module reload cel", "module reload cel_custom.so")
    folder = log / "cel-custom"
    if not folder.is_dir():
        work.folders.append(folder)


def missing_events(cel: Conf) -> list[str]:
    """Return all events that cel.conf must name, the site's own first; empty if it has ours.

    Of several lines all count.
    """
    wanted = read_text(shipped.text(shipped.CEL))["events"].split(",")
    lines = [
        line.value
        for section in cel.named("general")
        for line in section.lines
        if line.name.lower() == "events"
    ]
    there = [event.strip().upper() for value in lines for event in value.split(",")]
    there = [event for event in dict.fromkeys(there) if event]
    missing = [event for event in wanted if event not in there]
    return [*there, *missing] if missing and "ALL" not in there else []


def read_text(text: str) -> dict[str, str]:
    """Return the `name = value` lines of a shipped file."""
    pairs = re.findall(r"(?m)^([a-z]+) = (.*)$", text)
    return dict(pairs)


def mapping(work: Work, name: str) -> None:
    """Have the journal's columns: below the site's own `[mappings]`, or by an include."""
    conf = work.conf(name)
    line = next(
        one for one in shipped.text(shipped.CEL_CUSTOM).splitlines() if one.startswith(JOURNAL)
    )
    found = conf.first("mappings")
    if conf.line("mappings", JOURNAL) is not None:
        return
    if found is None:
        text = shipped.text(shipped.CEL_CUSTOM)
        work.file(work.etc / shipped.CEL_CUSTOM, text, like=work.etc / "manager.conf")
        work.include(name, shipped.CEL_CUSTOM)
    else:
        work.edits[found.path].insert_after(end_of(found), [line])


def subroutine(work: Work, main: str) -> None:
    """Have the shipped subroutine, included from `main`."""
    text = shipped.text(shipped.SUBROUTINE)
    work.file(work.etc / shipped.SUBROUTINE, text, like=work.etc / "extensions.conf")
    work.include(main, shipped.SUBROUTINE)


def theirs(conf: Conf) -> dict[str, Line]:
    """Return the globals that a site has set, by name; of two of one name the last counts."""
    return {line.name: line for section in conf.named("globals") for line in section.lines}


def globals_of(work: Work, name: str, values: Mapping[str, str]) -> None:
    """Have these globals in `[globals]`; those that the site has set stay as they are."""
    conf = work.conf(name)
    there = theirs(conf)
    lines = [f"{key}={value}" for key, value in values.items() if key not in there]
    if not lines:
        return
    section = conf.first("globals")
    if section is None:
        work.edits[conf.path].append(["", MARK, "[globals]", *lines])
    else:
        work.edits[section.path].insert_after(end_of(section), [MARK, *lines])


def our_globals(pbx: str, hook: str, emergency: Sequence[str]) -> dict[str, str]:
    """Return the globals that lead the subroutine to this daemon."""
    return {
        "PBXBILLING_HOOK": hook,
        "PBXBILLING_PBX": pbx,
        "PBXBILLING_EMERGENCY": "|".join(emergency),
    }
