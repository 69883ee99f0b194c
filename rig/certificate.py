"""A self-signed certificate for an address, for servers of the rig that use TLS."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from rig import provision


class SelfSigned(NamedTuple):
    """PEM files: a client that trusts `certificate` trusts any server that has `key`."""

    certificate: Path
    key: Path


def self_signed(directory: Path, address: str = "127.0.0.1") -> SelfSigned:
    """Create one in `directory` for an IP address, valid for two days."""
    made = SelfSigned(directory / "ca.pem", directory / "key.pem")
    subprocess.run(
        [
            *(provision.tool("openssl"), "req", "-x509", "-nodes", "-newkey", "rsa:2048"),
            *("-keyout", made.key, "-out", made.certificate, "-days", "2"),
            *("-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"),
        ],
        capture_output=True,
        check=True,
    )
    return made
