"""Writes the /etc/asterisk of one instance from the templates in rig/etc and the shipped files.

The shipped files in config/asterisk are included unchanged, so that the tests run what a site
runs.
"""

import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rig.site import AMI_SECRET, Block, Endpoint

TEMPLATES = Path(__file__).parent / "etc"
SHIPPED = Path(__file__).parent.parent / "config" / "asterisk"


_EMPTY = ("acl.conf", "ccss.conf", "pjproject.conf", "queuerules.conf", "udptl.conf")
"""Files whose absence Asterisk would log as an error."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The differences between the Asterisk instances of tests, demo and measurements."""

    hook: str = ""
    """host:port of the daemon."""
    hook2: str = ""
    pbx: str = "pbx1"
    fallback: str = "open"
    globals: Mapping[str, str] = field(default_factory=dict)
    """More dialplan globals; they override the ones above."""
    site: str = ""
    """More dialplan: first extensions that every phone and carrier can dial, then contexts."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Endpoint's name → its context, where that differs from the rig's default."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files of /etc/asterisk, name → text, that add to the rig's or replace one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables added to our environment for Asterisk."""
    shipped: bool = True
    """Whether the files of config/asterisk are there."""
    log: str = "notice,warning,error,verbose(3)"
    """The levels logged to log/full. Measurements leave out `verbose`."""
    disabled_events: str = ""
    """AMI events that no client at this site receives, separated by commas."""

    def all_globals(self) -> dict[str, str]:
        """Return every dialplan global of the settings."""
        return {
            "PBXBILLING_HOOK": self.hook,
            "PBXBILLING_HOOK2": self.hook2,
            "PBXBILLING_PBX": self.pbx,
            "PBXBILLING_FALLBACK": self.fallback,
            **self.globals,
        }


def write(directory: Path, chroot: Path, block: Block, settings: Settings) -> None:
    """Write `directory`/etc, and create the folders that Asterisk expects but does not create."""
    for name in ("db", "run", "spool", "log/cdr-csv", "log/cel-custom"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    _write_hosts(directory)
    etc = directory / "etc"
    shutil.rmtree(etc, ignore_errors=True)
    if settings.shipped:
        shutil.copytree(SHIPPED, etc)
    etc.mkdir(exist_ok=True)
    modules = _module_directory(chroot)
    values = {
        "PBX": block.pbx,
        "SECRET": AMI_SECRET,
        "LOG": settings.log,
        "DISABLED": settings.disabled_events,
        "MODULES": f"/{modules.relative_to(chroot)}",
        "GLOBALS": _globals(block, settings),
    }
    for template in TEMPLATES.glob("*.conf"):
        (etc / template.name).write_text(_filled(template.read_text(), values))
    for name in _EMPTY:
        (etc / name).touch()
    (etc / "site.conf").write_text(settings.site)
    for name, text in settings.files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_text(text)
    _drop_missing_modules(etc / "modules.conf", modules)
    with (etc / "pjsip.conf").open("a") as pjsip:
        for phone in block.phones():
            pjsip.write(_phone(phone, settings.contexts.get(phone.name, f"from-{phone.tenant}")))
        for carrier in block.carriers():
            context = settings.contexts.get(carrier.name, "from-carrier")
            pjsip.write(_peer(carrier, "carrier", f"context = {context}\n"))


def _write_hosts(directory: Path) -> None:
    """Write a hosts file: Asterisk looks up its host's own name at every INVITE."""
    (directory / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _module_directory(chroot: Path) -> Path:
    found = [*chroot.glob("usr/lib/asterisk/modules"), *chroot.glob("usr/lib/*/asterisk/modules")]
    return found[0]


def _drop_missing_modules(conf: Path, directory: Path) -> None:
    """Drop modules that this release lacks: Asterisk complains of each that it does not find."""
    lines = conf.read_text().splitlines(keepends=True)
    wanted = {line: line.partition("load = ")[2].strip() for line in lines}
    conf.write_text("".join(k for k in lines if (directory / wanted[k]).exists()))


def _globals(block: Block, settings: Settings) -> str:
    phones = {f"PHONE_{phone.extension}": phone.name for phone in block.phones()}
    return "\n".join(f"{k}={v}" for k, v in {**settings.all_globals(), **phones}.items())


def _phone(phone: Endpoint, context: str) -> str:
    """Return a phone's section: acme's has an account code, globex' a variable, initech's none."""
    mark = {"acme": "accountcode = acme\n", "globex": "set_var = TENANT=globex\n"}
    return _peer(
        phone,
        "phone",
        f"context = {context}\n"
        f"callerid = {phone.name} <{phone.extension}>\n"
        f"named_call_group = {phone.tenant}\n"
        f"named_pickup_group = {phone.tenant}\n" + mark.get(phone.tenant, ""),
    )


def _peer(peer: Endpoint, template: str, more: str) -> str:
    return (
        f"[{peer.name}]({template})\naors = {peer.name}\n{more}"
        f"[{peer.name}]\ntype = aor\ncontact = sip:{peer.name}@{peer.address}:5060\n"
        f"[{peer.name}-address]\ntype = identify\n"
        f"endpoint = {peer.name}\nmatch = {peer.address}\n\n"
    )
