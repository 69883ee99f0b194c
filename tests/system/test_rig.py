"""The rig itself: it leaves nothing behind, and its proxy does to a link what networks do."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.proxy import Proxy
from rig.waiting import patience_s, until

CHILD = """
import sys
from pathlib import Path
from rig import provision
from rig.asterisk import Asterisk
from rig.site import claimed_block

with claimed_block() as block:
    asterisk = Asterisk(provision.ASTERISK_22, Path(sys.argv[1]), block).start()
    print(asterisk.pid, flush=True)
    sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.asterisk
def test_asterisk_dies_with_whoever_started_it(asterisk: Asterisk, tmp_path: Path) -> None:
    assert asterisk.pid  # an Asterisk can run here, and a second one beside it
    mounts = Path("/proc/mounts").read_text()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        assert is_alive(pid)
        child.send_signal(signal.SIGKILL)
    until(lambda: not is_alive(pid), "Asterisk is gone")
    assert Path("/proc/mounts").read_text() == mounts


@pytest.mark.asterisk
def test_a_killed_asterisk_comes_back_with_its_journal(asterisk: Asterisk) -> None:
    pid = asterisk.pid
    asterisk.kill()
    assert not is_alive(pid)
    asterisk.start()
    assert asterisk.pid != pid
    assert asterisk.channel_count() == 0


ECHO = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    link, _ = server.accept()
    try:
        while data := link.recv(99):
            link.sendall(data)
    except ConnectionResetError:
        pass
"""


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """Run a server that echoes what it gets, one connection after the other."""
    with subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield "127.0.0.1", int(server.stdout.readline())
        server.kill()


def test_the_proxy_passes_on_cuts_and_welcomes_again(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy:
        with socket.create_connection(proxy.address, 5) as link:
            link.sendall(b"one")
            assert link.recv(9) == b"one"
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                link.recv(9)
        with socket.create_connection(proxy.address, 5) as link:
            link.sendall(b"two")
            assert link.recv(9) == b"two"
        assert proxy.connections == 2


def test_a_stalled_proxy_takes_bytes_and_answers_nothing_until_it_resumes(
    echo: tuple[str, int],
) -> None:
    with Proxy(echo) as proxy, socket.create_connection(proxy.address, 5) as link:
        proxy.stall()
        link.sendall(b"held back")
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(99)
        proxy.resume()
        link.settimeout(patience_s(5))
        assert link.recv(99) == b"held back"


def test_a_refusing_proxy_is_like_nobody_listening(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address, 5)
        proxy.resume()
        with socket.create_connection(proxy.address, 5) as link:
            link.sendall(b"again")
            assert link.recv(9) == b"again"


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_skip_is_a_failure_in_ci_only(tmp_path: Path, ci: str, status: int) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_skips(): pytest.skip('no such machine')\n"
        "@pytest.mark.xfail(strict=True)\ndef test_known(): assert False\n"
    )
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(Path(__file__).parents[2])}
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "-c", "/dev/null", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    assert ("no such machine" in done.stdout) == bool(ci)
