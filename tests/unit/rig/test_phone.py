"""The rig's phone, beside a socket that plays the PBX."""

import os
import socket

import pytest

from rig.phone import Phone
from rig.site import SIP_PORT, Endpoint
from rig.waiting import patience_s

# Of this process alone: other workers, and those of a Debian beside, have this test too.
PHONE, PBX = (f"127.{net}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}" for net in (250, 251))


@pytest.mark.parametrize(
    ("tag", "answer", "calls"),
    [("", "180 Ringing", 1), (";tag=gone", "481 Call Does Not Exist", 0)],
)
def test_an_invite_in_a_call_of_somebody_who_is_gone_is_no_new_call(
    tag: str, answer: str, calls: int
) -> None:
    invite = (
        f"INVITE sip:7@{PHONE} SIP/2.0\r\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bK1\r\n"
        f"From: <sip:1@{PBX}>;tag=1\r\nTo: <sip:7@{PHONE}>{tag}\r\nCall-ID: 1\r\n"
        f"CSeq: 1 INVITE\r\nContact: <sip:1@{PBX}>\r\nContent-Length: 0\r\n\r\n"
    )
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx,
        Phone(Endpoint("carrier", PHONE), PBX) as phone,
    ):
        pbx.bind((PBX, SIP_PORT))
        pbx.settimeout(patience_s(10))
        pbx.sendto(invite.encode(), (PHONE, SIP_PORT))
        assert pbx.recv(65536).decode().startswith(f"SIP/2.0 {answer}\r\n")
        assert len(phone.incoming) == calls
