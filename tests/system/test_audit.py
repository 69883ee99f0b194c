"""`make audit` says what a service knows, and never takes a service's silence for a clean lock.

What asks is pip-audit itself; the service is one of our own with the interface of OSV.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rig.audit import CANARY, CLEAN, NO_SERVICE, NOT_AUDITED, VULNERABLE
from rig.locked import DEVELOPMENT, releases
from rig.waiting import patience_s
from tests.support.house.build import ROOT

pytestmark = pytest.mark.system

Answer = Callable[[str, str], tuple[int, str]]  # of a release's name and version


def advisory(name: str) -> str:
    """Return one in OSV's schema, mended in version 9."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
    return json.dumps({"vulns": [{"id": f"TEST-{name}", "summary": "s", "affected": affected}]})


def of_the_canary(name: str, version: str) -> tuple[int, str]:
    return 200, advisory(name) if (name, version) == CANARY else "{}"


def of_two(name: str, version: str) -> tuple[int, str]:
    return (200, advisory(name)) if name == "two" else of_the_canary(name, version)


def of_nothing(_: str, __: str) -> tuple[int, str]:
    return 200, "{}"


def out_of_order(_: str, __: str) -> tuple[int, str]:
    return 503, "{}"


def out_of_order_from_the_second_on(name: str, version: str) -> tuple[int, str]:
    return (503, "{}") if name == "two" else of_the_canary(name, version)


def a_page_to_sign_in(_: str, __: str) -> tuple[int, str]:
    return 200, "<html>sign in</html>"


@contextmanager
def service(answer: Answer) -> Iterator[str]:
    """Serve advisories; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, text = answer(asked["package"]["name"], asked["version"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def audit(lock: Path, address: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "rig.audit", str(lock)],
        cwd=ROOT,
        env={**os.environ, "PIP_AUDIT_OSV_URL": address, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=patience_s(120),
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lines = [f"{name}==1 --hash=sha256:{'0' * 64}" for name in ("one", "two")]
    path = tmp_path / "lock.txt"
    path.write_text("\n".join(line.replace(" --", " \\\n    --") for line in lines) + "\n")
    return path


def test_what_is_known_is_named_with_its_mend(lock: Path) -> None:
    with service(of_two) as address:
        assert audit(lock, address) == (VULNERABLE, ["two 1: TEST-two, mended in 9"])


def test_a_service_that_knows_nothing_of_our_releases_makes_it_clean(lock: Path) -> None:
    with service(of_the_canary) as address:
        status, (line,) = audit(lock, address)
    assert (status, line) == (CLEAN, "no known vulnerability in 2 releases of lock.txt")


@pytest.mark.parametrize(
    "answer", [of_nothing, out_of_order, out_of_order_from_the_second_on, a_page_to_sign_in]
)
def test_what_answers_nothing_is_no_service(answer: Answer, lock: Path) -> None:
    with service(answer) as address:
        status, lines = audit(lock, address)
    assert (status, lines[0]) == (NOT_AUDITED, NO_SERVICE)


def test_where_nothing_listens_there_is_no_service(lock: Path) -> None:
    status, lines = audit(lock, "http://127.0.0.1:9/v1/query")
    assert (status, lines[0]) == (NOT_AUDITED, NO_SERVICE)


def test_the_canary_is_not_locked() -> None:
    assert CANARY[0] not in {one.name for one in releases(ROOT / DEVELOPMENT)}
