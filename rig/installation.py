"""Installs the program and the runtime lock into a folder: `make install`.

`python -m rig.installation PREFIX [WHEEL]`; without a wheel the sources are built, with tools that
are locked too. Uses the standard library only: it runs on machines where nobody develops.
"""

import sys
import tempfile
from pathlib import Path

from rig import debian, locked, quietly
from rig.environment import ROOT, bare_environment


def install(prefix: Path, wheel: Path | None) -> None:
    """Install into an environment, which is made where there is none.

    Raises `UnprovisionedError`, `FailedError` and OSError.
    """
    log = ROOT / "build" / "installation.log"
    python = prefix / "bin/python"
    if not (prefix / "bin/pip").exists():
        bare_environment(prefix, log)
    with tempfile.TemporaryDirectory() as scratch:
        found = wheel or _built(Path(scratch), log)
        locked.install(python, locked.RUNTIME, log, cwd=ROOT)
        unfetched = ("--no-index", "--no-deps", "--force-reinstall")
        locked.pip(python, "install", *unfetched, str(found), log=log, cwd=ROOT)


def _built(scratch: Path, log: Path) -> Path:
    """Return a wheel of the sources."""
    tools = scratch / "tools"
    bare_environment(tools, log)
    locked.install(tools / "bin/python", locked.BUILD, log, cwd=ROOT)
    unfetched = ("--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(scratch))
    locked.pip(tools / "bin/python", "wheel", *unfetched, ".", log=log, cwd=ROOT)
    (wheel,) = scratch.glob("*.whl")
    return wheel


def main() -> int:
    """Install; return 1 and print a reason when that fails."""
    prefix, *wheels = map(Path, sys.argv[1:])
    if len(wheels) > 1:
        print(f"not installed: name one wheel of {', '.join(map(str, wheels))}", file=sys.stderr)
        return 1
    try:
        install(prefix.absolute(), wheels[0].resolve(strict=True) if wheels else None)
    except (debian.UnprovisionedError, quietly.FailedError, OSError) as reason:
        print(f"not installed: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
