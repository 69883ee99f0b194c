"""How this copy of the program was built."""

from __future__ import annotations

from pbxbilling.calls.admission import admit


def is_compiled() -> bool:
    """Whether the way of a call runs compiled (`make wheel`), or interpreted from its sources."""
    return not admit.__file__.endswith(".py")
