"""A stand-in for the daemon's FastAGI server that gives the answers a test prescribes.

It tests the dialplan alone: what the subroutine does with a verdict, silence or a wedged peer.
"""

import socketserver
import threading
from collections.abc import Callable

Environment = dict[str, str]
"""The agi_ variables of one request without their prefix, decoded as Latin-1 from the wire."""

WEDGED = "wedged"
"""In place of a verdict: read the request and stay silent until the stand-in is closed."""


class Owners:
    """A verdict that admits every call and remembers a call's tenant by its linkedid.

    Within a call the hook asks with an empty tenant; the answer must still name the tenant.
    """

    def __init__(self) -> None:
        self._of_linkedid: dict[str, str] = {}

    def __call__(self, request: Environment) -> str:
        """Return the value of PBXBILLING; the linkedid serves as the call's id."""
        linkedid = request["arg_2"]
        named = request["arg_1"] or request["accountcode"]
        owner = named or self._of_linkedid.get(linkedid, "")
        self._of_linkedid.setdefault(linkedid, owner)
        return f"ADMIT|{owner}|{request['network_script']}|ok|||{linkedid}|"


def refuse(request: Environment) -> str:
    """Refuse every call with cause 17."""
    return f"REFUSE|{request['arg_1']}|{request['network_script']}|max_calls|17|||"


class Hook(socketserver.ThreadingTCPServer):
    """Listens at `address`, records the requests it gets, and answers with `verdict` (`Owners`).

    `verdict` returns the channel variable's value, None to close without an answer, or `WEDGED`.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(
        self, verdict: Callable[[Environment], str | None] | None = None, port: int = 0
    ) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.verdict = verdict or Owners()
        self.requests: list[Environment] = []
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """host:port, in the form of PBXBILLING_HOOK."""
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    server: Hook

    def handle(self) -> None:
        request: Environment = {}
        for line in self.rfile:
            key, _, value = line.decode("latin-1").rstrip("\n").partition(": ")
            if not key:
                break
            request[key.removeprefix("agi_")] = value
        self.server.requests.append(request)
        verdict = self.server.verdict(request)
        if verdict == WEDGED:
            self.server.closing.wait()
        elif verdict is not None:
            self.wfile.write(f'SET VARIABLE __PBXBILLING "{verdict}"\n'.encode())
            self.rfile.readline()
