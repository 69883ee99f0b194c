"""Stripe's own command line, from npm, as a client of the fakes on loopback.

Its authors know how to use Stripe's API, so what works with it here was not fitted to us.
"""

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rig.provision import UnprovisionedError, cache_dir
from rig.waiting import patience_s

VERSION = "1.52.0"
FIXTURES = Path(__file__).parent / "fixtures"
"""The sequences of requests that its `fixtures` command plays."""

_INSTALL_LIMIT_S = 180
_RUN_LIMIT_S = 60


@functools.cache
def program() -> Path:
    """Return the path of the program, installed from npm the first time.

    Raises `UnprovisionedError` with the reason when it is unavailable.
    """
    target = cache_dir() / f"stripe-cli-{VERSION}"
    with (cache_dir() / "stripe-cli.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _install(target)
    return target


def _install(target: Path) -> None:
    """Extract the program from its package without running any install script."""
    npm = shutil.which("npm")
    if npm is None:
        raise UnprovisionedError("the Stripe CLI comes from npm, and there is no npm here")
    with tempfile.TemporaryDirectory(dir=cache_dir()) as scratch:
        command = [npm, "install", "--ignore-scripts", "--fetch-retries=1", "--loglevel=error"]
        try:
            done = subprocess.run(
                [*command, "--prefix", scratch, f"@stripe/cli@{VERSION}"],
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=patience_s(_INSTALL_LIMIT_S),
            )
        except subprocess.TimeoutExpired:
            raise UnprovisionedError("npm did not answer in time") from None
        found = list(Path(scratch).glob("node_modules/@stripe/cli-linux-*/bin/stripe"))
        if done.returncode or not found:
            said = done.stderr.strip().splitlines()[:1] or ["it brought no program"]
            raise UnprovisionedError(f"npm install @stripe/cli@{VERSION} failed: {said[0]}")
        found[0].replace(target)


def run(api: str, key: str, home: Path, *arguments: str) -> str:
    """Run one command against the API at `api`; return what it printed.

    `home` is an empty folder for its settings. Raises RuntimeError with its output if it failed.
    """
    done = subprocess.run(
        [str(program()), *arguments, "--api-base", api],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "STRIPE_API_KEY": key,
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
            # The program checks for newer versions of itself; nothing may leave loopback.
            "HTTPS_PROXY": "http://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=patience_s(_RUN_LIMIT_S),
    )
    if done.returncode:
        raise RuntimeError(f"stripe {arguments[0]} failed: {done.stderr[-1000:]}")
    return done.stdout
