"""What a command says of answers that the daemon's API never gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from pbxbilling.cli.connection import CommandFailed, get


@contextmanager
def answering(directory: Path, status: int, body: bytes) -> Iterator[Path]:
    """Run a daemon of another release, which answers every request alike; yield a configuration."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "a command"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    config, socket = directory / "pbxbilling.toml", directory / "admin.sock"
    config.write_text(f'[http]\nadmin = "{socket}"\n')
    with ThreadingUnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield config
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (404, b'{"detail":"Not Found"}', "the running daemon does not know this command (404): it"),
        (405, b"", "the running daemon does not know this command (405): it"),
        (500, b"Internal Server Error", "the daemon failed (500): see its log"),
        (404, b'{"code":"no_route","detail":"Not Found"}', "the running daemon does not know this"),
        (404, b'{"code":"not_found","detail":"no tenant x"}', "no tenant x"),
        (404, b'{"error":"not_found","message":"no tenant x"}', "no tenant x"),
    ],
)
def test_every_answer_becomes_a_sentence(
    tmp_path: Path, status: int, body: bytes, sentence: str
) -> None:
    with answering(tmp_path, status, body) as config, pytest.raises(CommandFailed) as failed:
        get(config, "/tenants/x")
    assert str(failed.value).startswith(sentence)
