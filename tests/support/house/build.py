"""The modules that pyproject.toml compiles."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def to_be_compiled() -> list[str]:
    """Return the compiled sources, with globs expanded, as paths from the root."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    folders = build["targets"]["wheel"]["hooks"]["mypyc"]["include"]
    return [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
