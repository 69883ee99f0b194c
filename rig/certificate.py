"""A self-signed certificate for 127.0.0.1, for servers of the rig that use TLS."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from rig import provision


class SelfSigned(NamedTuple):
    """PEM files: a client that trusts `certificate` trusts any server that has `key`."""

    certificate: Path
    key: Path


def self_signed(directory: Path) -> SelfSigned:
    """Create one in `directory`, valid for two days."""
    made = SelfSigned(directory / "ca.pem", directory / "key.pem")
    subprocess.run(
        [
            *(provision.tool("openssl"), "req", "-x509", "-nodes", "-newkey", "rsa:2048"),
            *("-keyout", made.key, "-out", made.certificate, "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        capture_output=True,
        check=True,
    )
    return made
