"""What the compiler is told of a class; to Python itself it says nothing.

mypyc knows `mypyc_attr` by its own name. A daemon needs no package of the compiler's for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_):
        """Leave the class as it is."""
        return lambda kind: kind


__all__ = ["mypyc_attr"]
