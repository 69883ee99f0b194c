"""A TCP proxy that a test can cut, wedge, close and read, as networks do to a link."""

import contextlib
import socket
import threading
from collections.abc import Callable

from rig.running import Running
from rig.waiting import patience_s

_BEGIN = 1024  # bytes


class Proxy(Running):
    """Listens on a free loopback port and forwards bytes to `target` and back.

    `stall` is a half-open link: it stays up and accepts what is sent, but nothing comes through.
    `lose_answer_to` lets a question through, and cuts instead of its answer.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._server: socket.socket | None = None
        self._question: bytes | None = None
        self._of = b""
        self._begun: dict[socket.socket, bytes] = {}
        self._end: Callable[[], None] = self.cut
        self._asked: set[socket.socket] = set()
        self.connections = 0
        """The number of connections accepted so far."""
        self.read: list[bytes] = []
        """All that passed, in either direction, as somebody on the wire reads it."""
        self._port = 0
        self.resume()

    @property
    def address(self) -> tuple[str, int]:
        """The address to connect to; constant for the life of the proxy."""
        return "127.0.0.1", self._port

    def cut(self) -> None:
        """Reset every open connection; new ones are accepted."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            for end, _ in pairs:
                _reset(end)

    def stall(self) -> None:
        """Keep connections open and read from either side, but forward nothing."""
        self._flowing.clear()

    def lose_answer_to(self, question: bytes, *, of: bytes = b"", refuse: bool = False) -> None:
        """Let the next client that sends these bytes have no answer: all is cut in its place.

        `of`: only a client that has sent these in its beginning. `refuse`: nobody can connect from
        then on.
        """
        self._of, self._question = of, question
        self._end = self.refuse if refuse else self.cut

    def refuse(self) -> None:
        """Stop listening and cut: connecting fails at once, as where no program listens."""
        if self._server is not None:
            # A blocked accept would keep the port open.
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None
        self.cut()

    def resume(self) -> None:
        """Listen again after `refuse`; forward again after `stall`, held-back bytes first."""
        self._flowing.set()
        if self._server is None:
            self._server = socket.create_server(("127.0.0.1", self._port))
            self._port = self._server.getsockname()[1]
            _thread(self._accept, self._server)

    def stop(self) -> None:
        """Stop permanently."""
        self._flowing.set()
        self.refuse()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                self.connections += 1
                _thread(self._connect, near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=patience_s(10))
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        with self._lock:
            self._pairs += [(near, far), (far, near)]
        _thread(self._pump, near, far, near)
        _thread(self._pump, far, near, near)

    def _pump(self, source: socket.socket, sink: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                self.read.append(data)
                if source is client:
                    self._note_question(client, data)
                elif client in self._asked:
                    self._end()
                    return
                sink.sendall(data)
        self._flowing.wait()
        with contextlib.suppress(OSError), self._lock:
            if (source, sink) in self._pairs:  # otherwise it was cut, and a reset is under way
                sink.shutdown(socket.SHUT_WR)

    def _note_question(self, client: socket.socket, data: bytes) -> None:
        with self._lock:
            begun = self._begun.get(client, b"")
            if len(begun) < _BEGIN:
                self._begun[client] = begun = begun + data
            if self._question is not None and self._question in data and self._of in begun:
                self._question = None
                self._asked.add(client)


def _reset(end: socket.socket) -> None:
    """Close so that the peer sees a reset and a thread that reads here wakes up."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        end.shutdown(socket.SHUT_RD)
    end.close()


def _thread(target: Callable[..., None], *arguments: socket.socket) -> None:
    threading.Thread(target=target, args=arguments, name="rig-proxy", daemon=True).start()
