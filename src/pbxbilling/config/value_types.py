"""Parses values written as one string: listen addresses, brokers, time zones."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr

# Alphabets as patterns; `validation_messages` puts each into words.
DIGITS = r"^[0-9]+$"
DIALLED = r"^[0-9*#+]+$"
NAME = r"^[A-Za-z0-9_.-]+$"
SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Address(NamedTuple):
    """A host and port to listen on; brackets enclose IPv6. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; host names but "localhost" count as outside."""
        return is_local(self.host)


def is_local(host: str) -> bool:
    """Return whether a host is this machine itself; names but "localhost" count as others."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_listen(text: str) -> Address:
    """Parse "127.0.0.1:4590" or "[::1]:4590". Raises ValueError that says what was expected."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not (colon and host and _PORT.fullmatch(port) and int(port) <= 65_535):
        raise ValueError(_LISTEN_EXPECTED)
    if ":" in host and not bracketed:
        raise ValueError(_LISTEN_EXPECTED)
    return Address(host.strip("[]"), int(port))


def parse_network(text: object) -> IPv4Network | IPv6Network:
    """Parse "192.0.2.0/24" or one address. Raises ValueError that says what was expected."""
    try:
        return ip_network(str(text))
    except ValueError as error:
        msg = f'expected a network, as "192.0.2.0/24", got "{text}"'
        raise ValueError(msg) from error


def check_page(url: str) -> str:
    """Return the address of a web page unchanged. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = f'expected the address of a page, as "https://provider.example/done", got "{url}"'
        raise ValueError(msg)
    return url


def check_api_base(url: str) -> str:
    """Return the base address of an API unchanged. Raises ValueError for any but http and https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        msg = f'expected an address of an API, as "http://127.0.0.1:8420", got "{url}"'
        raise ValueError(msg)
    return url


def check_public_url(url: str) -> str:
    """Return the address of our own pages unchanged. Raises ValueError for one that cannot be.

    Browsers send the session's cookie over TLS, and to this machine; a login over anything else
    would begin anew for ever.
    """
    # A port beyond 65535 raises ValueError by itself.
    parts = urlsplit(url)
    beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or beyond or parts.port == 0:
        msg = f'expected scheme and host, as "https://billing.provider.example", got "{url}"'
        raise ValueError(msg)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        msg = f'"{url}" has no TLS: expected https://, with a proxy that has the certificate'
        raise ValueError(msg)
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_plain(text: str) -> str:
    """Return a word unchanged. Raises ValueError where it is empty or not printable.

    Line breaks above all: in a header they would begin another one.
    """
    if not text or not text.isprintable():
        msg = "expected printable characters, without line breaks"
        raise ValueError(msg)
    return text


def check_token(token: SecretStr) -> SecretStr:
    """Return a token unchanged; an empty one is none. Raises ValueError for one easily guessed."""
    return _matching(token, _TOKEN, "16 or more characters without spaces")


def check_hook_token(token: SecretStr) -> SecretStr:
    """Return the hook's token unchanged, as `check_token`.

    Its characters need no quoting in a URL or a dialplan.
    """
    return _matching(token, _HOOK_TOKEN, "16 to 128 letters, digits, . _ ~ and -")


def _matching(token: SecretStr, form: re.Pattern[str], what: str) -> SecretStr:
    if token.get_secret_value() and not form.fullmatch(token.get_secret_value()):
        msg = f"expected a token of {what}: `openssl rand -hex 20` makes one"
        raise ValueError(msg)
    return token


_TOKEN = re.compile(r"[!-~]{16,}")
_HOOK_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,128}")


class BrokerAddress(NamedTuple):
    """The address of an MQTT broker, and whether to use TLS."""

    address: Address
    tls: bool

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.address}"


def parse_broker(url: str) -> BrokerAddress:
    """Parse "mqtt://host" or "mqtts://host:8883". Raises ValueError that says what was expected."""
    scheme, _, rest = url.partition("://")
    port = _BROKER_PORTS.get(scheme)
    if port is None or not rest or not _BROKER_PLACE.fullmatch(rest):
        raise ValueError(_BROKER_EXPECTED)
    has_port = rest.rpartition("]")[2].count(":") == 1
    address = parse_listen(rest if has_port else f"{rest}:{port}")
    return BrokerAddress(address, tls=scheme == "mqtts")


_PORT = re.compile(r"[0-9]{1,5}")
_BROKER_PORTS = {"mqtt": 1883, "mqtts": 8883}
_BROKER_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/@:\[\]?#]+)(:[0-9]+)?")
_BROKER_EXPECTED = (
    'expected "mqtt://host" or "mqtts://host", with ":port" unless it is the default; username and'
    " password have their own keys"
)
_LISTEN_EXPECTED = 'expected "host:port", as "127.0.0.1:4590" or "[::1]:4590"'


def check_zone(name: str) -> str:
    """Return the name of an IANA time zone unchanged. Raises ValueError for an unknown one."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown; "../x"; a folder, as "Europe"
        msg = 'expected an IANA time zone, as "Europe/Berlin" or "UTC"'
        raise ValueError(msg) from error
    return name
