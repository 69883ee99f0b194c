"""The files for a PBX on another machine: printed with what to do with each, never written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.setup.kinds import shipped
from pbxbilling.setup.kinds.generated import FREEPBX_CLICKS
from pbxbilling.setup.kinds.parts import our_globals
from pbxbilling.setup.kinds.work import joined
from pbxbilling.setup.recipes import placeholders, recipe

_SECRET = "SECRET"  # noqa: S105 - the word that the operator replaces
_EXAMPLES = {"TENANT": "acme", "TRUNK": "carrier", "PROVIDER": "SIP-PROVIDER-1"}


class Form(StrEnum):
    """The forms in which the files can be printed."""

    PLAIN = "plain"
    FREEPBX17 = "freepbx17"
    FREEPBX16 = "freepbx16"
    WAZO = "wazo"
    MIKOPBX = "mikopbx"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of that PBX: its name, what to do with it, its text or the lines to add."""

    name: str
    how: str
    text: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A PBX on another machine: its form, its `[[pbx]]` name, where it reaches the daemon."""

    form: Form
    pbx: str
    hook: str
    emergency: tuple[str, ...]

    @property
    def is_freepbx(self) -> bool:
        """Whether the site's own files are the *_custom.conf ones."""
        return self.form in {Form.FREEPBX17, Form.FREEPBX16}


def form_of(text: str) -> Form:
    """Return the form of that name. Raises AdministrationError, which lists them."""
    try:
        return Form(text)
    except ValueError as fault:
        forms = ", ".join(Form)
        raise AdministrationError(f"--print {text}: expected one of {forms}") from fault


def sheets(there: Elsewhere) -> Iterator[Sheet]:
    """Yield every file for that PBX, in the order in which they are put there."""
    yield _manager(there)
    yield from _journal(there)
    custom = "globals_custom.conf" if there.is_freepbx else "[globals] of extensions.conf"
    values = our_globals(there.pbx, there.hook, there.emergency)
    yield Sheet(custom, "add", joined([f"{key}={value}" for key, value in values.items()]))
    main = "extensions_custom.conf" if there.is_freepbx else "extensions.conf"
    yield Sheet(
        shipped.SUBROUTINE,
        f"copy; add  {_include(shipped.SUBROUTINE)}  at the end of {main}",
        shipped.text(shipped.SUBROUTINE),
    )
    yield _recipe(there, main)
    yield Sheet("pbxbilling.toml, on the daemon's machine", "add", _table(there))


def clicks(there: Elsewhere) -> tuple[str, ...]:
    """Return what is done in the PBX' own pages."""
    return FREEPBX_CLICKS if there.is_freepbx else ()


def _include(name: str) -> str:
    return f'#include "{name}"'


def _manager(there: Elsewhere) -> Sheet:
    main = "manager_custom.conf" if there.is_freepbx else "manager.conf"
    text = shipped.text(shipped.MANAGER).replace(";secret =", f"secret = {_SECRET}")
    host = there.hook.rpartition(":")[0]
    text = re.sub(r"(?m)^permit = .*$", f"permit = {host}", text)
    how = (
        f"copy, with the content of ami.secret for {_SECRET}; add  {_include(shipped.MANAGER)}  at"
        f" the end of {main}; see that manager.conf is enabled, over TLS: tlsenable, tlsbindaddr"
    )
    return Sheet(shipped.MANAGER, how, text)


def _journal(there: Elsewhere) -> Iterator[Sheet]:
    if there.is_freepbx:
        yield Sheet("cel_general_custom.conf", "add", "dateformat = %s.%6q\n")
    else:
        yield Sheet(
            shipped.CEL,
            f"copy; {_include(shipped.CEL)} in cel.conf in place of its [general]",
            shipped.text(shipped.CEL),
        )
    yield Sheet(
        shipped.CEL_CUSTOM,
        f"copy; add  {_include(shipped.CEL_CUSTOM)}  to cel_custom.conf; load cel_custom.so;"
        " make the folder cel-custom in Asterisk's log folder",
        shipped.text(shipped.CEL_CUSTOM),
    )


def _recipe(there: Elsewhere, main: str) -> Sheet:
    needed = {name: _EXAMPLES[name] for name in placeholders(there.form)}
    named = f", with your own names for {', '.join(needed.values())}" if needed else ""
    where = {
        Form.WAZO: "extensions_extra.d/pbxbilling.conf",
        Form.MIKOPBX: "System file customization, extensions.conf",
    }.get(there.form, main)
    return Sheet(where, f"add{named}", recipe(there.form, **needed))


def _table(there: Elsewhere) -> str:
    return joined(
        [
            "[[pbx]]",
            f'name = "{there.pbx}"',
            'host = "PBX"  # its address',
            "port = 5039",
            "tls = true",
            'username = "pbxbilling"',
            'secret_file = "ami.secret"  # openssl rand -hex 20',
            'trunks = ["PJSIP/carrier"]  # its endpoints that lead outside',
        ]
    )
