"""Finds the leaf classes below a base, so that a test can demand that every kind is handled."""

import sys
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

import pbxbilling


def leaves(base: type) -> set[type]:
    """Return the classes of the sources below a base that have no subclass."""
    _import_all()
    below: list[type] = base.__subclasses__()
    return {leaf for kind in below if _is_in_its_module(kind) for leaf in leaves(kind)} or {base}


@cache
def _import_all() -> None:
    for module in walk_packages(pbxbilling.__path__, "pbxbilling."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def _is_in_its_module(kind: type) -> bool:
    """Exclude classes of tests, and those that a dataclass with slots was made from."""
    ours = kind.__module__.startswith("pbxbilling.")
    return ours and getattr(sys.modules[kind.__module__], kind.__qualname__, None) is kind
