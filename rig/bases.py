"""Debians with packages beyond the minimum, kept in the cache.

debootstrap cannot put a large set in order, so these are copies of a bare Debian to which apt adds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rig import provision
from rig.debian import cache_dir, locked, run

_INSTALL = """
cp /etc/resolv.conf "$1/etc/resolv.conf"
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
root=$1; shift
chroot "$root" apt-get update --quiet
exec chroot "$root" apt-get install --yes --quiet --no-install-recommends "$@"
"""
_NO_SERVICES = "#!/bin/sh\nexit 101\n"


def grown(name: str, suite: str, packages: Sequence[str]) -> Path:
    """Return the root of such a Debian; the first time takes a minute.

    Raises `UnprovisionedError` with the reason when it cannot be built.
    """
    target = cache_dir() / f"{name}-recipe-{provision.RECIPE}"
    if target.exists():
        return target
    bare = provision.bare(suite)
    with locked():
        if target.exists():
            return target
        print(f"building {target} (once) ...", file=sys.stderr)
        scratch = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache_dir()))
        try:
            subprocess.run(["cp", "-a", f"{bare}/.", scratch], check=True)
            scratch.chmod(0o755)
            policy = scratch / "usr/sbin/policy-rc.d"
            policy.write_text(_NO_SERVICES)
            policy.chmod(0o755)
            isolated = ("unshare", "--mount", "--propagation", "private")
            run(*isolated, "sh", "-ec", _INSTALL, "sh", str(scratch), *packages)
            policy.unlink()
            for package in (scratch / "var/cache/apt/archives").glob("*.deb"):
                package.unlink()
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target
