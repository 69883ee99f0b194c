"""The cast of the rig: tenants and their phones, carriers, addresses, one block per instance.

Each Asterisk instance owns one /16 of loopback, so that several instances, and several test runs,
can share a machine and use the same ports. Asterisk identifies an endpoint by its source address.
"""

import contextlib
import fcntl
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIP_PORT = 5060
AMI_PORT = 5038
AMI_SECRET = "rig-only"
"""The secret of both AMI users. They are reachable on loopback, for the life of a test."""

TENANTS = {"acme": 1, "globex": 2, "initech": 3}
"""Tenant → third octet of its phones, and first digit of their extensions."""

PHONES_PER_TENANT = 4
CARRIERS = ("carrier", "carrier2", "carrier3")
_CARRIER_OCTET = 9
_BLOCKS = range(16, 250)
_PORTS = range(20_000, 32_768)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One SIP peer of the PBX: its PJSIP endpoint's name and the address that identifies it."""

    name: str
    address: str
    tenant: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses 127.<number>.0.0/16 of one Asterisk instance."""

    number: int

    @property
    def pbx(self) -> str:
        """The address at which Asterisk itself listens, SIP and AMI."""
        return f"127.{self.number}.0.1"

    def phone(self, tenant: str, which: int = 1) -> Endpoint:
        """Return phone `which` (from 1) of a tenant; acme's first is acme1, extension 11."""
        octet = TENANTS[tenant]
        address = f"127.{self.number}.{octet}.{which}"
        return Endpoint(f"{tenant}{which}", address, tenant, f"{octet}{which}")

    def carrier(self, which: int = 1) -> Endpoint:
        """Return carrier `which`, from 1; the endpoint's name is carrier, carrier2 or carrier3."""
        address = f"127.{self.number}.{_CARRIER_OCTET}.{which}"
        return Endpoint(CARRIERS[which - 1], address)

    def phones(self) -> list[Endpoint]:
        """Return every phone of every tenant."""
        return [self.phone(t, n + 1) for t in TENANTS for n in range(PHONES_PER_TENANT)]

    def carriers(self) -> list[Endpoint]:
        """Return every carrier."""
        return [self.carrier(n + 1) for n in range(len(CARRIERS))]


@contextmanager
def claimed_block() -> Iterator[Block]:
    """Claim a block that no other process of this machine uses; it is free again at the end.

    The claim is a file lock, which ends with the process, however that ends.
    """
    for number in _BLOCKS:
        path = Path(tempfile.gettempdir(), f"pbxbilling-rig-{number}.lock")
        with path.open("w") as claim:
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield Block(number)
            return
    raise RuntimeError("every loopback block of the rig is in use")


@contextmanager
def claimed_ports(*ports: int) -> Iterator[None]:
    """Claim these fixed ports of 127.0.0.1; waits while another test run has them.

    Raises RuntimeError where a program outside the rig listens there.
    """
    with Path(tempfile.gettempdir(), "pbxbilling-rig-ports.lock").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        for port in ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    raise RuntimeError(f"something listens on 127.0.0.1:{port}: end it")
        yield


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port that no program listens on now.

    It lies below those that Linux gives to outgoing connections (ip_local_port_range): such a
    connection could take it before the caller has opened it.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        with contextlib.suppress(OSError), socket.create_server((address, port)):
            return port
    raise RuntimeError(f"every port of {address} from {_PORTS[0]} to {_PORTS[-1]} is in use")
