"""The recipes: what leads a site's calls to the subroutine `pbxbilling-admit`.

A recipe is a file of contexts, read by Asterisk once its placeholders are filled in. A placeholder
is a name in capitals between two @; these exist:

- `@TENANT@`: the slug of a tenant;
- `@TRUNK@`: the name of the PJSIP endpoint through which calls leave;
- `@PROVIDER@`: MikoPBX' name of a provider, `SIP-PROVIDER-1234` for instance.

A context that has a placeholder in its first line is written once for each value, any other takes
the first value.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

NAMES: Final = ("plain", "callback", "freepbx17", "freepbx16", "wazo", "mikopbx")
"""The recipes, by the name of their file. `callback` is an addition to each of the others."""

_PLACEHOLDER = re.compile(r"@([A-Z]+)@")


def placeholders(name: str) -> set[str]:
    """Return the names of the placeholders of a recipe, without their @."""
    return set(_PLACEHOLDER.findall(_read(name)))


def recipe(name: str, **values: str | Sequence[str]) -> str:
    """Return the text of a recipe with its placeholders filled in.

    Raises KeyError for a placeholder without a value.
    """
    given = {key: [one] if isinstance(one, str) else list(one) for key, one in values.items()}
    contexts = re.split(r"^(?=\[)", _read(name), flags=re.MULTILINE)[1:]
    written = [text.strip("\n") + "\n" for context in contexts for text in _each(context, given)]
    return "\n".join(written)


def _each(context: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a context once for each value of the placeholder in its title, or once."""
    first = {key: found[0] for key, found in values.items() if found}
    repeated = _PLACEHOLDER.search(context.partition("\n")[0])
    if repeated is None:
        return [_filled(context, first)]
    key = repeated[1]
    return [_filled(context, {**first, key: value}) for value in values[key]]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _read(name: str) -> str:
    return files(__name__).joinpath(f"{name}.conf").read_text(encoding="utf-8")
