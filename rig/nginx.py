"""nginx on loopback, with the server block from the documentation and its own certificate."""

import subprocess
from pathlib import Path
from typing import Self

from rig import provision
from rig.certificate import self_signed
from rig.running import Running
from rig.site import free_port
from rig.waiting import patience_s, until

_AROUND = """
pid {at}/nginx.pid;
error_log {at}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    {server}
}}
"""


class Nginx(Running):
    """A running nginx; a context manager. `url` is where it listens."""

    def __init__(
        self, directory: Path, server: str, host: str, upstream: str, web: str | None = None
    ) -> None:
        """`server` is a block that listens on 443 as `host` and passes to 127.0.0.1:8080.

        With `web` it also passes to 127.0.0.1:8081, which that stands for.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._at = directory
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self.certificate, key = self_signed(directory)
        for written, meant in (
            ("listen 443", f"listen 127.0.0.1:{self._port}"),
            (f"/etc/letsencrypt/live/{host}/fullchain.pem", str(self.certificate)),
            (f"/etc/letsencrypt/live/{host}/privkey.pem", str(key)),
            ("127.0.0.1:8080", upstream),
            *([("127.0.0.1:8081", web)] if web is not None else []),
        ):
            assert written in server, f"the block has no {written!r}"
            server = server.replace(written, meant)
        (directory / "nginx.conf").write_text(_AROUND.format(at=directory, server=server))

    def start(self) -> Self:
        """Start nginx, and return when it listens."""
        self._process = subprocess.Popen(
            [
                *(provision.nginx(), "-p", self._at, "-c", self._at / "nginx.conf"),
                *("-e", self._at / "error.log", "-g", "daemon off; user root;"),
            ]
        )
        until((self._at / "nginx.pid").exists, "nginx runs")
        return self

    def stop(self) -> None:
        """Shut it down in order."""
        self._process.terminate()
        self._process.wait(patience_s(10))
