"""One call of the rig's phone: a SIP dialog that a test drives and waits for."""

import contextlib
import itertools
import socket
import struct
import threading
import uuid
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from rig import sip
from rig.site import SIP_PORT

if TYPE_CHECKING:
    from rig.phone import Phone

_FRAME_S = 0.02
_TONE = bytes([0x9E, 0x1E]) * 80
"""20 ms of µ-law that is not silence."""


class Leg:
    """One call of a phone. `state` is calling, ringing, up or ended.

    `status` is the final answer to our INVITE (200, 486, …; 0 until then); `by_us` says which side
    hung up.
    """

    def __init__(self, phone: "Phone", call_id: str, local: str, remote: str, number: str) -> None:
        self.phone = phone
        self.number = number
        self.state = "calling"
        self.status = 0
        self.by_us = False
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = sip.uri(remote)
        self.invite: sip.Message | None = None
        self.outgoing = False
        self.answered: sip.Message | None = None
        self._cseq = itertools.count(1)
        self._versions = itertools.count(1)
        self._direction = "sendrecv"
        self._source = uuid.uuid4().int & 0xFFFFFFFF
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind((phone.here.address, 0))

    def wait(self, state: str, timeout_s: float = 10.0) -> Self:
        """Return when the leg is in `state` (or past ringing, when waiting for ringing)."""
        wanted = {state, "up"} if state == "ringing" else {state}
        self.phone.await_change(lambda: self.state in wanted, f"{self} is {state}", timeout_s)
        return self

    def answer(self) -> None:
        """Answer an incoming call."""
        assert self.invite
        self.answered = self.invite.reply("200 OK", sip.tag(self.local), self.contact, self.sdp())
        self.phone.send(self.answered)

    def hang_up(self) -> None:
        """End the call: BYE, or CANCEL while our call rings, or 486 to a call that rings here."""
        self.by_us = True
        if self.state == "up":
            self.request("BYE")
        elif self.outgoing:
            self.phone.send(self._within_invite("CANCEL"))
        elif self.invite:
            self.phone.send(self.invite.reply("486 Busy Here", sip.tag(self.local)))

    def hold(self) -> None:
        """Put the far end on hold."""
        self._reinvite("sendonly")

    def resume(self) -> None:
        """Take the far end off hold."""
        self._reinvite("sendrecv")

    def transfer(self, number: str) -> None:
        """Blind transfer (REFER) to `number`."""
        self._refer(f"<sip:{number}@{self.phone.pbx}>")

    def transfer_to(self, other: "Leg") -> None:
        """Attended transfer: join this call's far end with `other`'s (REFER with Replaces)."""
        tags = f";to-tag={sip.tag(other.remote)};from-tag={sip.tag(other.local)}"
        replaces = quote(other.call_id + tags, safe="")
        self._refer(f"<sip:{other.number}@{self.phone.pbx}?Replaces={replaces}>")

    def press(self, digits: str) -> None:
        """Send DTMF, one INFO per digit."""
        for digit in digits:
            body = f"Signal={digit}\r\nDuration=100\r\n"
            self.request("INFO", [("Content-Type", "application/dtmf-relay")], body)

    def request(
        self, method: str, headers: list[tuple[str, str]] | None = None, body: str = ""
    ) -> sip.Message:
        """Send a request within the dialog."""
        message = self._message(method, next(self._cseq), _branch(), headers or [], body)
        self.phone.send(message)
        return message

    def sdp(self) -> str:
        """Return our offer or answer."""
        return sip.SDP.format(
            version=next(self._versions),
            address=self.phone.here.address,
            port=self._rtp.getsockname()[1],
            direction=self._direction,
        )

    def ack(self, response: sip.Message) -> None:
        """Acknowledge a final answer; a refusal's within its transaction (RFC 3261, 17.1.1.3)."""
        number = int(response.get("CSeq").split()[0])
        branch = response.get("Via").partition("branch=")[2].partition(";")[0]
        refused = response.status >= 300
        self.phone.send(self._message("ACK", number, branch if refused else _branch(), [], ""))

    def start_media(self, target: tuple[str, int]) -> None:
        """Send a tone to `target` until the call ends."""
        threading.Thread(target=self._stream, args=(target,), name="rig-rtp", daemon=True).start()

    def end(self) -> None:
        """Mark the call as ended."""
        self.state = "ended"
        self._rtp.close()

    @property
    def contact(self) -> str:
        """Return the Contact at which further requests of this dialog reach us."""
        return f"sip:{self.phone.here.name}@{self.phone.here.address}:{SIP_PORT}"

    def place(self) -> None:
        """Send our INVITE."""
        self.outgoing = True
        content = sip.contents(self.contact, "sdp")
        self.invite = self.request("INVITE", content, self.sdp())

    def _reinvite(self, direction: str) -> None:
        self._direction = direction
        self.request("INVITE", sip.contents(self.contact, "sdp"), self.sdp())

    def _refer(self, refer_to: str) -> None:
        us = f"<{sip.uri(self.local)}>"
        headers = [*sip.contents(self.contact, ""), ("Refer-To", refer_to), ("Referred-By", us)]
        self.request("REFER", headers)

    def _within_invite(self, method: str) -> sip.Message:
        assert self.invite
        kept = [(k, v) for k, v in self.invite.headers if not k.startswith(("CSeq", "Con"))]
        number = self.invite.get("CSeq").split()[0]
        first = self.invite.first.replace("INVITE", method)
        return sip.Message(first, [*kept, ("CSeq", f"{number} {method}")])

    def _message(
        self, method: str, number: int, branch: str, headers: list[tuple[str, str]], body: str
    ) -> sip.Message:
        via = f"SIP/2.0/UDP {self.phone.here.address}:{SIP_PORT};branch={branch};rport"
        dialog = [
            ("Via", via),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Max-Forwards", "70"),
        ]
        return sip.Message(f"{method} {self.target} SIP/2.0", dialog + headers, body)

    def _stream(self, target: tuple[str, int]) -> None:
        pause = threading.Event()
        with contextlib.suppress(OSError):
            for n in itertools.count():
                header = struct.pack(
                    "!BBHII", 0x80, 0, n & 0xFFFF, n * 160 & 0xFFFFFFFF, self._source
                )
                self._rtp.sendto(header + _TONE, target)
                pause.wait(_FRAME_S)

    def __str__(self) -> str:
        return f"{self.phone.here.name}'s call {self.number}"


def _branch() -> str:
    return f"z9hG4bK-{uuid.uuid4().hex}"
