"""Checks whether hooks and legs reach tenants, by what the running daemon heard."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pbxbilling.config.sections import PbxSettings
from pbxbilling.doctor.check import Check, ok, warn

_SUBJECT, _NAME = "accounts", "tenants"


def unowned(status: Mapping[str, Any]) -> Check:
    """Judge the daemon's status: who has no tenant is neither limited nor billed."""
    heard, hooks = status["unowned"], status["unowned"]["hooks_of_a_day"]
    if not (hooks or heard["accountcodes"] or heard["dids"]):
        return ok(_SUBJECT, _NAME, "each hook and each leg heard in the last day had a tenant")
    found = (
        f"{hooks} hooks of the last day had no tenant, and {status['unowned_legs']} answered trunk"
        " legs belong to none: they are neither limited nor billed"
    )
    return warn(_SUBJECT, _NAME, found, _how_to_fix(heard))


def unknown_tenants(
    pbxes: Iterable[PbxSettings], tenants: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the PBX, and a sentence, for each `tenant` of a [[pbx]] that does not exist."""
    for pbx in pbxes:
        if pbx.tenant is not None and pbx.tenant not in tenants:
            sentence = (
                f'tenant = "{pbx.tenant}": no tenant has that slug, so whoever is unknown on this'
                " PBX stays without one"
            )
            yield pbx.name, sentence


def _how_to_fix(heard: Mapping[str, Any]) -> str:
    lines = [f"{key} = {toml_list(heard[key])}" for key in ("accountcodes", "dids") if heard[key]]
    if not lines:
        return (
            "name the tenant in the hook, give extensions an account code, or list the contexts of"
            " the tenant in the accounts file; for a PBX of one tenant, set tenant under [[pbx]]"
        )
    what_to_do = (
        "no tenant has these, heard in the last day: paste each where it belongs in the accounts"
        " file, then `pbxbilling apply`"
    )
    return "\n".join([what_to_do, *lines])


def toml_list(values: Sequence[str]) -> str:
    """Return a TOML array of strings; JSON's strings are TOML's, but for DEL."""
    quoted = (json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") for value in values)
    return f"[{', '.join(quoted)}]"
