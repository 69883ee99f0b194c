"""What is put on a PBX on another machine, by the form of its dialplan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address

from pbxbilling.setup.elsewhere import TLS_PORT, Elsewhere, Form, Put, Sheet, daemon_sheets
from pbxbilling.setup.kinds import freepbx, modules, parts, shipped, wazo
from pbxbilling.setup.kinds.work import joined
from pbxbilling.setup.pbx.site import LAST_MACRO
from pbxbilling.setup.recipes import placeholders, recipe

_ETC = "/etc/asterisk"
_EXAMPLES = {"TENANT": "acme", "TRUNK": "carrier", "PROVIDER": "SIP-PROVIDER-1"}
_CERTIFICATE = f"{_ETC}/pbxbilling.pem"
_KEY = f"{_ETC}/pbxbilling.key"
_OPENSSL = (
    "openssl req -x509 -nodes -newkey rsa:2048 -days 3650"
    f" -keyout {_KEY} -out {_CERTIFICATE}"
)  # fmt: skip
_RELOADS = ("manager reload", "module reload cel", "module reload cel_custom.so", "dialplan reload")
_MODULES_CLICK = (
    "Admin, Asterisk Modules: see that none of these is excluded: "
    + ", ".join(f"{name}.so" for name in modules.wanted_modules(None))
)  # fmt: skip
_VARIABLES = (
    "channelvars: add PBXBILLING to the one line that your manager has (a second line would replace"
    " it): by it a daemon that was away knows whose a live call is"
)
_CUSTOMIZATION = "in System file customization, mode Append"


def sheets(there: Elsewhere) -> Iterator[Sheet]:
    """Yield every file for that PBX, then those of the daemon's machine, in the order of work."""
    yield from _OF[there.form](there)
    yield from daemon_sheets(there)


def by_hand(there: Elsewhere) -> Iterator[str]:
    """Yield what no file does."""
    if there.is_freepbx:
        yield from (f"Extensions: {freepbx.CODES}", freepbx.EMERGENCY, _MODULES_CLICK)
        yield f"Trunks, pjsip Settings, Advanced: Context {freepbx.INCOMING} for each trunk"
        yield freepbx.APPLY
    if there.form is Form.PLAIN:
        hook = shipped.hook_line("${EXTEN}")
        yield f"extensions.conf: before each Dial that leads outside  same => n,{hook}"
        yield "manager.conf: bindaddr = 127.0.0.1 keeps the port without TLS to that machine"
    if there.form in {Form.WAZO, Form.MIKOPBX}:
        yield _VARIABLES
    if there.form is Form.MIKOPBX:
        yield f"{_CERTIFICATE} and {_KEY}: a certificate for {there.host}, as files of your own"
        yield "usage is counted by AMI alone: MikoPBX keeps no journal that the daemon could read"
    yield f"copy that machine's {_CERTIFICATE} to {there.config.parent / 'ami-ca.pem'}"
    port = there.hook.rpartition(":")[2]
    yield f"firewalls: {there.daemon} port {port} from that machine, its port {TLS_PORT} from here"


def _plain(there: Elsewhere) -> Iterator[Sheet]:
    yield _modules(there)
    yield from _manager(there, "manager.conf")
    yield _copy(shipped.CEL, shipped.text(shipped.CEL))
    yield _append("cel.conf", _include(shipped.CEL))
    yield from _mapping()
    yield _copy(shipped.SUBROUTINE, shipped.text(shipped.SUBROUTINE))
    text = joined(["", "[globals]", *there.globals, "", _include(shipped.SUBROUTINE).strip()])
    yield _append("extensions.conf", text)
    yield _recipe(there, "extensions.conf", "an example: your own dialplan needs its lines")
    yield _commands(there)


def _freepbx(there: Elsewhere) -> Iterator[Sheet]:
    yield from _manager(there, freepbx.MANAGER)
    yield _append("cel_general_custom.conf", "enable = yes\ndateformat = %s.%6q\n")
    yield from _mapping()
    yield _append("globals_custom.conf", joined(there.globals))
    yield _copy(shipped.SUBROUTINE, shipped.text(shipped.SUBROUTINE))
    yield _append("extensions_custom.conf", _include(shipped.SUBROUTINE))
    yield _recipe(there, "extensions_custom.conf")
    yield _commands(there)


def _wazo(there: Elsewhere) -> Iterator[Sheet]:
    names = modules.wanted_modules(None)
    yield Sheet(f"/etc/wazo-confgend/{wazo.MODULES}", Put.COPY, wazo.loading(names))
    yield _copy(wazo.MANAGER, _user(there))
    events = parts.read_text(shipped.text(shipped.CEL))["events"]
    yield _copy(wazo.JOURNAL, f"[general]\nenable = yes\nevents = {events}\n")
    yield from _mapping()
    values = dict(line.split("=", 1) for line in there.globals)
    yield _copy(wazo.DIALPLAN, wazo.dialplan(values))
    yield _commands(there, "systemctl restart wazo-confgend")


def _mikopbx(there: Elsewhere) -> Iterator[Sheet]:
    loads = joined([f"load => {name}.so" for name in shipped.modules()])
    yield _append("modules.conf", loads, f"{_CUSTOMIZATION}; then restart Asterisk")
    yield _append("manager.conf", _user(there), _CUSTOMIZATION)
    head = joined(["", "[globals]", *there.globals, ""])
    text = f"{head}{shipped.text(shipped.SUBROUTINE)}"
    yield _append("extensions.conf", text, _CUSTOMIZATION)
    yield _recipe(there, "extensions.conf", _CUSTOMIZATION)


_OF: Mapping[Form, Callable[[Elsewhere], Iterator[Sheet]]] = {
    Form.PLAIN: _plain,
    Form.FREEPBX17: _freepbx,
    Form.FREEPBX16: _freepbx,
    Form.WAZO: _wazo,
    Form.MIKOPBX: _mikopbx,
}


def _release(there: Elsewhere) -> int | None:
    """Return the latest release of Asterisk that this form can have; None: any."""
    return LAST_MACRO if there.form is Form.FREEPBX16 else None


def _copy(name: str, text: str, note: str = "") -> Sheet:
    return Sheet(f"{_ETC}/{name}", Put.COPY, text, note)


def _append(name: str, text: str, note: str = "") -> Sheet:
    return Sheet(f"{_ETC}/{name}", Put.APPEND, text, note)


def _include(name: str) -> str:
    return f'#include "{name}"\n'


def _modules(there: Elsewhere) -> Sheet:
    del there
    lines = [f"load = {name}.so" for name in modules.wanted_modules(None)]
    return _append("modules.conf", joined(["", "[modules]", *lines]), "where it has autoload = no")


def _manager(there: Elsewhere, main: str) -> Iterator[Sheet]:
    yield _copy(shipped.MANAGER, _user(there), "readable by Asterisk alone")
    yield _append(main, _include(shipped.MANAGER))


def _mapping() -> Iterator[Sheet]:
    yield _copy(shipped.CEL_CUSTOM, shipped.text(shipped.CEL_CUSTOM))
    yield _append("cel_custom.conf", _include(shipped.CEL_CUSTOM))


def _user(there: Elsewhere) -> str:
    """Return the manager's user: let in from the daemon's address alone, and TLS turned on."""
    text = shipped.text(shipped.MANAGER).replace(";secret =", f"secret = {there.secret}")
    over_ipv6 = isinstance(ip_address(there.daemon), IPv6Address)
    deny = "\ndeny = ::/0" if over_ipv6 else ""
    text = re.sub(r"(?m)^permit = .*$", f"{deny.strip()}\npermit = {there.daemon}".strip(), text)
    if there.form in {Form.WAZO, Form.MIKOPBX}:
        text = re.sub(r"(?m)^channelvars = .*$", ";channelvars = (all of yours),PBXBILLING", text)
    tls = [
        *(["enabled = yes"] if there.form is Form.PLAIN else []),
        "tlsenable = yes",
        f"tlsbindaddr = {_bound(there.host)}",
        f"tlscertfile = {_CERTIFICATE}",
        f"tlsprivatekey = {_KEY}",
    ]
    return text.replace("[general](+)\n", f"[general](+)\n{joined(tls)}", 1)


def _bound(host: str) -> str:
    """Return where the manager listens for TLS: at that address, or at all if it is a name."""
    if not _is_address(host):
        return f"0.0.0.0:{TLS_PORT}"
    return f"[{host.strip('[]')}]:{TLS_PORT}" if ":" in host else f"{host}:{TLS_PORT}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _recipe(there: Elsewhere, main: str, note: str = "") -> Sheet:
    needed = {name: _EXAMPLES[name] for name in placeholders(there.form)}
    if there.trunks and "TRUNK" in needed:
        needed["TRUNK"] = there.trunks[0].partition("/")[2]
    named = f"your own names for {', '.join(needed.values())}" if needed else ""
    notes = "; ".join(part for part in (note, named) if part)
    return _append(main, f"\n{recipe(there.form, **needed)}", notes)


def _commands(there: Elsewhere, *first: str) -> Sheet:
    """Return what is run on the PBX once its files are there."""
    named = f"{'IP' if _is_address(there.host) else 'DNS'}:{there.host}"
    loads = [
        f'asterisk -rx "module load {one}.so"' for one in modules.wanted_modules(_release(there))
    ]
    lines = [
        "install -d -o asterisk -g asterisk /var/log/asterisk/cel-custom",
        f"{_OPENSSL} -subj /CN={there.host} -addext subjectAltName={named}",
        f"chown asterisk: {_KEY} {_CERTIFICATE} && chmod 640 {_KEY}",
        *first,
        *loads,
        *(f'asterisk -rx "{one}"' for one in _RELOADS),
    ]
    return Sheet("on that machine", Put.RUN, joined(lines))
