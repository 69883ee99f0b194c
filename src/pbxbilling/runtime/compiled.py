"""What the compiler is told of a class, which says nothing to Python; and whether it was at work.

mypyc knows `mypyc_attr` by its own name. A daemon needs no package of the compiler's for it.

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
        """Leave the class as it is."""
        return lambda kind: kind


__all__ = ["is_compiled", "mypyc_attr"]


def is_compiled() -> bool:
    """Whether the way of a call runs compiled (`make wheel`), or interpreted from its sources."""
    found = find_spec("pbxbilling.kernel.codes")
    return found is not None and not (found.origin or "").endswith(".py")
