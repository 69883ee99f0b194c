"""Writes a draft of the accounts as an accounts file that can be applied as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pbxbilling.doctor.unowned import toml_list
from pbxbilling.kernel.text import shown
from pbxbilling.setup.conf.reader import text_of
from pbxbilling.setup.draft.draft import Draft, DraftedTenant, draft
from pbxbilling.setup.draft.sources import gather
from pbxbilling.setup.files.changes import FileChange
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Site

FILE = "accounts.draft.toml"
DRAFTED = "{path}: the tenants found here, in log mode: read it, then `pbxbilling apply {path}`"
_PHONES_SHOWN = 5
_WIDTH = 100

_HEAD = f"""\
# A draft of the accounts, made of what this PBX has. Nothing of it is applied, and nothing reads it
# before you do these steps:
#
# 1. Read it. Is each [tenant.…] one customer, and are its numbers its own? Move what is wrong. Give
#    each a name. A slug, the word behind `tenant.`, can be chosen now and never changes later.
# 2. `pbxbilling apply --dry-run {FILE}` prints what would change, and
#    `pbxbilling apply {FILE}` makes it so. In log mode nothing is refused.
# 3. After a day, `pbxbilling decisions --refused` shows what would have been refused, and
#    `pbxbilling status` which calls belong to nobody.
# 4. Write your plans (config/plans.example.toml has five), give each tenant one, and set
#    mode = "enforce" where its limits shall hold.
#
# Every key: docs/reference/accounts.md.

[plan.draft]
name = "Draft"
description = "A first limit to look at, before there are plans"
max_calls = 5                    # in log mode the sixth call goes through, and is on record
"""

_EXAMPLE = """
# No tenant was found: no phone here has an account code or a context of its own, and the dialplan
# names none. This is how one is written; take the # away:
#
# [tenant.acme]
# plan = "draft"
# name = "Acme Inc."
# accountcodes = ["acme"]        # of its phones
# contexts = ["from-acme"]       # of its phones, where they have no account code
# dids = ["+15550100"]           # its numbers
# mode = "log"
"""


def draft_file(path: Path, site: Site, found: Found, console: Console) -> FileChange:
    """Return the file of the draft; one that is there already is the operator's, and stays."""
    if path.exists():
        kept = text_of(path)
        return FileChange(path, kept, kept)
    return FileChange(path, None, written(draft(gather(site.kind, site.etc, found, console))))


def written(made: Draft) -> str:
    """Return the text of the accounts file: a plan, the tenants, and comments on what is left."""
    parts = [_HEAD, *map(_tenant, made.tenants)]
    if not made.tenants:
        parts.append(_EXAMPLE)
    if made.undecided:
        parts.append(_undecided(made.undecided))
    return "".join(parts)


def _tenant(tenant: DraftedTenant) -> str:
    lines = ["", *_comments(tenant), f"[tenant.{_key(tenant.slug)}]", 'plan = "draft"']
    lines.append(f"name = {_string(tenant.name)}")
    for key in ("accountcodes", "contexts", "dids"):
        lines += _list(key, getattr(tenant, key))
    return "\n".join([*lines, 'mode = "log"', ""])


def _key(slug: str) -> str:
    """Return a slug as a key of TOML: a dot would part it in two."""
    return _string(slug) if "." in slug else slug


def _comments(tenant: DraftedTenant) -> Iterator[str]:
    if tenant.phones:
        some = ", ".join(tenant.phones[:_PHONES_SHOWN])
        more = len(tenant.phones) - _PHONES_SHOWN
        yield _comment(f"Phones: {some}" + (f" and {more} more" if more > 0 else ""))
    else:
        yield _comment("No phone was found: the dialplan names it.")
    if not tenant.dids:
        yield _comment("No number leads to it for certain; see the end of this file.")


def _list(key: str, values: Sequence[str]) -> Iterator[str]:
    """Yield the lines of an array, one value a line where they are many; nothing if it is empty."""
    if not values:
        return
    line = f"{key} = {toml_list(values)}"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"{key} = ["
    yield from (f"    {_string(value)}," for value in values)
    yield "]"


def _undecided(sentences: Sequence[str]) -> str:
    head = [
        "",
        "# Not decided: write each number or phone under its tenant, or leave it out. What belongs",
        "# to nobody is not limited, and nobody pays for it.",
    ]
    return "\n".join([*head, *(_comment(f"- {one}") for one in sentences), ""])


def _comment(text: str) -> str:
    return f"# {shown(text)}"


def _string(text: str) -> str:
    return toml_list([text])[1:-1]
