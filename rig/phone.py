"""A small scripted SIP phone for what SIPp does badly: transfers, hold, feature codes.

Every call is a `Leg`, whose state a test can wait for. One thread reads; nothing is retransmitted,
because loopback loses nothing.
"""

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Callable

from rig import sip
from rig.leg import Leg
from rig.running import Running
from rig.site import SIP_PORT, Endpoint
from rig.waiting import patience_s


class Phone(Running):
    """A phone or carrier at an endpoint's address, port 5060.

    Incoming calls ring until `Leg.answer`, unless one of these says otherwise: `answers` (at
    once), `refuses` (a status line such as "486 Busy Here"), `forwards` (a number, by 302).
    With `media` it sends audio on every answered call.
    """

    def __init__(
        self,
        here: Endpoint,
        pbx: str,
        *,
        answers: bool = False,
        refuses: str = "",
        forwards: str = "",
        media: bool = False,
    ) -> None:
        self.here = here
        self.pbx = pbx
        self.answers = answers
        self.refuses = refuses
        self.forwards = forwards
        self.media = media
        self.incoming: list[Leg] = []
        self._legs: dict[str, Leg] = {}
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((here.address, SIP_PORT))
        self._reader = threading.Thread(target=self._read, name="rig-phone", daemon=True)
        self._reader.start()

    def call(self, number: str) -> Leg:
        """Place a call and return at once, with the call under way."""
        return self._place(uuid.uuid4().hex, number)

    def dial(self, number: str) -> Leg:
        """Place a call, and return when it is answered."""
        return self.call(number).wait("up")

    def wait_incoming(self, count: int = 1, timeout_s: float = 10.0) -> Leg:
        """Wait for the `count`-th incoming call, and return it."""
        self.await_change(
            lambda: len(self.incoming) >= count, f"{self.here.name} is called", timeout_s
        )
        return self.incoming[count - 1]

    def _place(self, call_id: str, number: str) -> Leg:
        local = f"<sip:{self.here.name}@{self.here.address}>;tag={uuid.uuid4().hex[:8]}"
        leg = Leg(self, call_id, local, f"<sip:{number}@{self.pbx}>", number)
        with self._changed:
            self._legs[call_id] = leg
            leg.place()
        return leg

    def send(self, message: sip.Message) -> None:
        """Send a message to the PBX."""
        self._socket.sendto(message.encode(), (self.pbx, SIP_PORT))

    def await_change(self, true: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Return when `true` holds. Raises TimeoutError, which names `what` was waited for."""
        limit_s = patience_s(timeout_s)
        deadline = time.monotonic() + limit_s
        with self._changed:
            while not true():
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    raise TimeoutError(f"{what}: not within {limit_s:g} s")

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while datagram := self._socket.recv(65536):
                with contextlib.suppress(ValueError), self._changed:
                    self._take(sip.Message.parse(datagram))
                    self._changed.notify_all()

    def _take(self, message: sip.Message) -> None:
        leg = self._legs.get(message.get("Call-ID"))
        if message.status and leg:
            self._on_response(leg, message)
        elif message.method == "INVITE":
            self._on_invite(leg, message)
        elif message.method != "ACK":
            self._on_request(leg, message)
        elif leg and leg.state == "ringing" and leg.answered:
            self._up(leg, leg.invite.media if leg.invite else None)

    def _on_response(self, leg: Leg, response: sip.Message) -> None:
        if response.method == "BYE":
            leg.end()
        if response.method != "INVITE" or response.status == 100:
            return
        if response.status < 200:
            leg.state = "ringing"
            return
        if response.status < 300:
            leg.target = response.target
        leg.remote = response.get("To")
        leg.ack(response)
        if leg.status == 0:
            leg.status = response.status
            self._up(leg, response.media) if response.status < 300 else leg.end()

    def _on_invite(self, leg: Leg | None, invite: sip.Message) -> None:
        if leg is None and ";tag=" in invite.get("To"):  # in a dialog that is gone
            self.send(invite.reply("481 Call Does Not Exist"))
        elif leg is None:
            self._on_new_call(invite)
        elif leg.state == "up":  # a re-INVITE
            self.send(invite.reply("200 OK", sip.tag(leg.local), leg.contact, leg.sdp()))
        elif leg.answered:
            self.send(leg.answered)

    def _on_new_call(self, invite: sip.Message) -> None:
        local = f"{invite.get('To')};tag={uuid.uuid4().hex[:8]}"
        number = sip.user(invite.first)
        leg = Leg(self, invite.get("Call-ID"), local, invite.get("From"), number)
        leg.invite, leg.target, leg.state = invite, invite.target, "ringing"
        self._legs[leg.call_id] = leg
        self.incoming.append(leg)
        if self.refuses:
            self._refuse(leg, self.refuses)
        elif self.forwards:
            self._refuse(leg, "302 Moved Temporarily", f"sip:{self.forwards}@{self.pbx}")
        elif self.answers:
            leg.answer()
        else:
            self.send(invite.reply("180 Ringing", sip.tag(local), leg.contact))

    def _refuse(self, leg: Leg, status: str, contact: str = "") -> None:
        assert leg.invite
        self.send(leg.invite.reply(status, sip.tag(leg.local), contact))
        leg.end()

    def _on_request(self, leg: Leg | None, request: sip.Message) -> None:
        self.send(request.reply("200 OK" if leg else "481 Call Does Not Exist"))
        if leg is None:
            return
        if request.method == "NOTIFY" and request.body.startswith("SIP/2.0"):
            if int(request.body.split()[1]) == 200 and leg.state == "up":
                leg.hang_up()  # as phones do: after a transfer that worked they have nothing to say
        elif request.method == "BYE":
            leg.end()
        elif request.method == "CANCEL":
            self._refuse(leg, "487 Request Terminated")

    def _up(self, leg: Leg, media: tuple[str, int] | None) -> None:
        leg.state = "up"
        if self.media and media:
            leg.start_media(media)

    def stop(self) -> None:
        """Hang up live calls, and release the address."""
        with self._changed:
            for leg in self._legs.values():
                if leg.state != "ended":
                    leg.hang_up()
                    leg.end()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reader.join(patience_s(5))
