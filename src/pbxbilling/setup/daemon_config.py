"""The daemon's own side: the `[[pbx]]` of pbxbilling.toml, and the manager's secret beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.items import AoT, Table

from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.setup.conf.reader import text_of
from pbxbilling.setup.files.changes import FileChange
from pbxbilling.setup.kinds.parts import Manager

FIRST = "pbx1"
EMERGENCY = ("112", "911", "999")
_EXAMPLE_TRUNKS = ["PJSIP/carrier"]
_LISTEN = "PBXBILLING_AGI__LISTEN"
_DEFAULT = "127.0.0.1:4590"
_LOCAL = "127.0.0.1"
_ANY = frozenset({"0.0.0.0", "[::]", "::"})  # noqa: S104 - compared only
_HEADER = """\
# pbxbilling: written by `pbxbilling setup asterisk`. Every key, with its default:
# docs/reference/configuration.md and pbxbilling.example.toml.

# off counts everything and refuses nothing; then log, then enforce: docs/start/modes.md.
mode = "off"

"""


@dataclass(frozen=True, slots=True)
class Pbx:
    """What `[[pbx]]` says of a PBX."""

    name: str
    manager: Manager
    trunks: Sequence[str]
    journal: Path


def configured(path: Path, pbx: Pbx, listen: str = "") -> FileChange:
    """Return pbxbilling.toml with this PBX. A PBX of that name keeps what the site has set.

    `listen`: what `agi.listen` is to be where the site has set none.

    Raises AdministrationError where the file is no TOML.
    """
    before = text_of(path) if path.exists() else None
    document = _document(path, _HEADER if before is None else before)
    if listen and "listen" not in document.setdefault("agi", tomlkit.table()):
        document["agi"]["listen"] = listen
    tables = document.get("pbx")
    if not isinstance(tables, AoT):
        tables = tomlkit.aot()
        document.append("pbx", tables)
    table = next((one for one in tables if one.get("name") == pbx.name), None)
    if table is None:
        table = tomlkit.table()
        table.add("name", pbx.name)
        tables.append(table)
    _fill(table, pbx)
    return FileChange(path, before, tomlkit.dumps(document), is_daemons=True)


def hook_address(path: Path, env: Mapping[str, str]) -> str:
    """Return where the hooks of a PBX on this machine find the daemon, as host:port.

    Raises AdministrationError where the file is no TOML.
    """
    document = _document(path, text_of(path) if path.exists() else "")
    section = document.get("agi")
    listen = section.get("listen", "") if isinstance(section, Mapping) else ""
    host, _, port = str(env.get(_LISTEN) or listen or _DEFAULT).rpartition(":")
    return f"{_LOCAL if host in _ANY else host}:{port}"


def emergency_numbers(path: Path) -> tuple[str, ...]:
    """Return the emergency numbers of the configuration, or the default ones."""
    document = _document(path, text_of(path) if path.exists() else "")
    section = document.get("emergency")
    numbers = section.get("numbers") if isinstance(section, Mapping) else None
    return tuple(str(number) for number in numbers) if numbers else EMERGENCY


def _document(path: Path, text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except ValueError as fault:
        raise AdministrationError(f"{path}: {fault}: correct it first") from fault


def _fill(table: Table, pbx: Pbx) -> None:
    wanted = {
        "host": pbx.manager.host,
        "port": pbx.manager.port,
        "username": "pbxbilling",
        "trunks": list(pbx.trunks),
        "cel_csv": str(pbx.journal),
    }
    if "secret" not in table:
        wanted["secret_file"] = secret_name(pbx.name)
    for name, value in wanted.items():
        if name not in table or (name == "trunks" and table["trunks"] == _EXAMPLE_TRUNKS):
            table[name] = value


def secret_name(pbx: str) -> str:
    """Return the name of the file with the manager's secret, beside pbxbilling.toml."""
    return "ami.secret" if pbx == FIRST else f"ami.{pbx}.secret"


def secret_of(config: Path, pbx: str) -> str:
    """Return the secret that is kept there; empty where there is none."""
    path = config.parent / secret_name(pbx)
    return text_of(path).strip() if path.exists() else ""


def secret_file(config: Path, pbx: str, secret: str) -> FileChange:
    """Return the file with the manager's secret."""
    path = config.parent / secret_name(pbx)
    before = text_of(path) if path.exists() else None
    kept = before is not None and before.strip() == secret
    return FileChange(path, before, before if kept and before else f"{secret}\n", is_secret=True)
