"""Mark classes for the compiler mypyc, which Python ignores, and tell whether the code is compiled.

mypyc recognizes `mypyc_attr` by its name; a daemon needs none of the compiler's packages for it.

>>> @mypyc_attr(allow_interpreted_subclasses=True)
... class Fact:
...     __slots__ = ()
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_):
        """Return a decorator that leaves the class unchanged."""
        return lambda kind: kind


__all__ = ["is_compiled", "mypyc_attr"]


def is_compiled() -> bool:
    """Return whether the code of calls runs compiled (`make wheel`), or from its sources."""
    found = find_spec("pbxbilling.kernel.codes")
    return found is not None and not (found.origin or "").endswith(".py")
