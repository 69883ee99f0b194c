"""SIP messages for the rig's phone (RFC 3261): parse one, encode one, and their SDP."""

import re
from dataclasses import dataclass, field
from typing import Self

SDP = """v=0\r
o=- 1 {version} IN IP4 {address}\r
s=-\r
c=IN IP4 {address}\r
t=0 0\r
m=audio {port} RTP/AVP 0\r
a=rtpmap:0 PCMU/8000\r
a={direction}\r
"""


@dataclass(slots=True)
class Message:
    """A request or a response: first line, headers in order, body."""

    first: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @classmethod
    def parse(cls, datagram: bytes) -> Self:
        """Parse one datagram. Raises ValueError where it is not SIP."""
        head, _, body = datagram.decode(errors="replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        if "SIP/2.0" not in first:
            raise ValueError(f"no SIP: {first!r}")
        pairs = [line.partition(":") for line in lines]
        return cls(first, [(name.strip(), value.strip()) for name, _, value in pairs], body)

    def encode(self) -> bytes:
        """Return the message in wire form, with its length."""
        lines = [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([self.first, *lines, "", self.body]).encode()

    def get(self, name: str) -> str:
        """Return the first header of that name, empty if there is none."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")

    @property
    def method(self) -> str:
        """The method of a request; for a response, that of the request it answers."""
        return self.get("CSeq").split()[1]

    @property
    def status(self) -> int:
        """The status code of a response; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def target(self) -> str:
        """The URI for further requests of the dialog."""
        return uri(self.get("Contact"))

    @property
    def media(self) -> tuple[str, int] | None:
        """The address at which the other side wants its audio, or None without SDP."""
        address = re.search(r"^c=IN IP4 (\S+)", self.body, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        return (address[1], int(port[1])) if address and port else None

    def reply(self, status: str, tag: str = "", contact: str = "", sdp: str = "") -> "Message":
        """Return the response to this request; `tag` is added to a To that has none yet."""
        kept = ("via", "record-route", "from", "to", "call-id", "cseq")
        headers = [(k, v) for k, v in self.headers if k.lower() in kept]
        headers = [(k, _tagged(v, tag) if k.lower() == "to" else v) for k, v in headers]
        return Message(f"SIP/2.0 {status}", headers + contents(contact, sdp), sdp)


def contents(contact: str, sdp: str) -> list[tuple[str, str]]:
    """Return the headers for our contact and the body's type, each only where there is one."""
    headers = [("Contact", f"<{contact}>")] if contact else []
    return [*headers, ("Content-Type", "application/sdp")] if sdp else headers


def uri(address: str) -> str:
    """Return the URI of a From, To or Contact value."""
    found = re.search(r"<([^>]*)>", address)
    return found[1] if found else address.partition(";")[0]


def tag(address: str) -> str:
    """Return the tag of a From or To value, empty if it has none."""
    found = re.search(r";tag=([^;]*)", address)
    return found[1] if found else ""


def user(address: str) -> str:
    """Return the user part of a URI: the number."""
    found = re.search(r"sips?:([^@;>]*)@", address)
    return found[1] if found else ""


def _tagged(value: str, tag_: str) -> str:
    return value if not tag_ or ";tag=" in value else f"{value};tag={tag_}"
