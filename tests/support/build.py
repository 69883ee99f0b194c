"""What pyproject.toml has compiled."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def to_be_compiled() -> list[str]:
    """The sources, as paths from the root."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    return [str(path) for path in build["targets"]["wheel"]["hooks"]["mypyc"]["include"]]
