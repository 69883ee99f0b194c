"""The files for a PBX on another machine: printed with what to do with each, never written.

Its hooks cross a network, so they bear a token; the manager is reached over TLS.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from pbxbilling.setup import daemon_config
from pbxbilling.setup.conf.reader import text_of
from pbxbilling.setup.files.backup import SetupError
from pbxbilling.setup.kinds.parts import our_globals

TLS_PORT = 5039
TOKEN_FILE = "hook.token"  # noqa: S105 - a file's name
_BYTES = 20
_UNKNOWN = "PBX_ADDRESS"


class Form(StrEnum):
    """The forms in which the files can be printed."""

    PLAIN = "plain"
    FREEPBX17 = "freepbx17"
    FREEPBX16 = "freepbx16"
    WAZO = "wazo"
    MIKOPBX = "mikopbx"


class Put(StrEnum):
    """What is done with a sheet."""

    COPY = "a new file"
    APPEND = "add at the end"
    RUN = "run these"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file, or the lines to add to it, or commands; `name` is its whole path."""

    name: str
    put: Put
    text: str
    note: str = ""

    @property
    def how(self) -> str:
        """What to do with it, in words."""
        return f"{self.put}; {self.note}" if self.note else self.put.value


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A PBX on another machine, and the daemon on this one."""

    form: Form
    config: Path
    pbx: str
    hook: str
    """Where the PBX reaches the daemon, address:port."""
    host: str
    """Where the daemon reaches the PBX."""
    emergency: tuple[str, ...]
    trunks: tuple[str, ...]
    journal: Path | None
    secret: str
    token: str

    @property
    def daemon(self) -> str:
        """The daemon's own address."""
        return self.hook.rpartition(":")[0].strip("[]")

    @property
    def is_freepbx(self) -> bool:
        """Whether the site's own files are the *_custom.conf ones."""
        return self.form in {Form.FREEPBX17, Form.FREEPBX16}

    @property
    def globals(self) -> list[str]:
        """The dialplan's globals, a line each."""
        values = our_globals(self.pbx, self.hook, self.emergency)
        return [
            f"{key}={value}" for key, value in {**values, "PBXBILLING_TOKEN": self.token}.items()
        ]


def form_of(text: str) -> Form:
    """Return the form of that name. Raises SetupError, which lists them."""
    try:
        return Form(text)
    except ValueError as fault:
        raise SetupError(f"--print {text}: expected one of {', '.join(Form)}") from fault


def elsewhere(
    form: Form,
    config: Path,
    pbx: str,
    *,
    hook: str,
    host: str = "",
    emergency: tuple[str, ...] = daemon_config.EMERGENCY,
    trunks: tuple[str, ...] = (),
    journal: Path | None = None,
) -> Elsewhere:
    """Describe such a PBX. Secrets that exist beside `config` are used again, others are made.

    Raises SetupError where `hook` is not an address and a port.
    """
    address, _, port = hook.rpartition(":")
    if not port.isdecimal() or _address(address) is None:
        said = "the daemon's address as that machine reaches it (the manager admits no names)"
        raise SetupError(f"--print needs --hook ADDRESS:PORT: {said}")
    kept = config.parent / TOKEN_FILE
    token = text_of(kept).strip() if kept.exists() else secrets.token_hex(_BYTES)
    secret = daemon_config.secret_of(config, pbx) or secrets.token_hex(_BYTES)
    where = host or _UNKNOWN
    return Elsewhere(
        form, config, pbx, hook, where, emergency, trunks, journal, secret=secret, token=token
    )


def _address(text: str) -> object:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None


def network(address: str) -> str:
    """Return an address as a network of its own, as `agi.allow` has it."""
    found = _address(address)
    return f"{address}/{128 if isinstance(found, IPv6Address) else 32}"


def daemon_sheets(there: Elsewhere) -> Iterator[Sheet]:
    """Yield what is put on the daemon's machine."""
    folder = there.config.parent
    note = "where it has an [agi] already, put those keys there"
    yield Sheet(str(there.config), Put.APPEND, _toml(there), note)
    secret = daemon_config.secret_name(there.pbx)
    yield Sheet(str(folder / secret), Put.COPY, f"{there.secret}\n", "mode 0600")
    yield Sheet(str(folder / TOKEN_FILE), Put.COPY, f"{there.token}\n", "mode 0600")


def _toml(there: Elsewhere) -> str:
    allowed = [network(one) for one in dict.fromkeys((there.host, there.daemon))]
    networks = ", ".join(f'"{one}"' for one in dict.fromkeys([*allowed, "127.0.0.0/8"]))
    trunks = ", ".join(f'"{one}"' for one in there.trunks or ("PJSIP/carrier",))
    lines = [
        "[agi]",
        f'listen = "{there.hook}"',
        f"allow = [{networks}]",
        f'token_file = "{TOKEN_FILE}"',
        "",
        "[[pbx]]",
        f'name = "{there.pbx}"',
        f'host = "{there.host}"',
        f"port = {TLS_PORT}",
        "tls = true",
        f'ca_file = "{there.config.parent / "ami-ca.pem"}"',
        'username = "pbxbilling"',
        f'secret_file = "{daemon_config.secret_name(there.pbx)}"',
        f"trunks = [{trunks}]" + ("" if there.trunks else "  # its endpoints that lead outside"),
    ]
    lines.append(
        f'cel_csv = "{there.journal}"'
        if there.journal
        else '# cel_csv = "…"  # its journal, where this machine can read it'
    )
    return "".join(f"{line}\n" for line in lines)
