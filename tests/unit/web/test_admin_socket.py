"""The admin socket takes nobody's path, and removes nothing but its own socket."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pbxbilling.web.admin_socket import AdminSocket, PathTakenError
from rig.waiting import patience_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "admin.sock"


@pytest.fixture
def folder(path: Path) -> Path:
    path.parent.mkdir()
    return path.parent


def closed(held: AdminSocket) -> None:
    held.close()
    held.listener.close()


def is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(patience_s(5))
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def plain_file(path: Path) -> None:
    path.write_text("kept")


def link_to_a_file(path: Path) -> None:
    path.with_name("other").write_text("kept")
    path.symlink_to("other")


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_a_socket_of_nobody(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path.with_name("theirs")))
    path.symlink_to("theirs")


@pytest.mark.parametrize(
    "put",
    [plain_file, link_to_a_file, dangling_link, a_folder, a_pipe, a_link_to_a_socket_of_nobody],
)
def test_what_is_no_socket_stays(path: Path, folder: Path, put: Callable[[Path], None]) -> None:
    put(path)
    before = path.lstat(), {file.name for file in folder.iterdir()}
    with pytest.raises(PathTakenError, match="no socket: move it away"):
        AdminSocket(path)
    after = {file.name for file in folder.iterdir()} - {f"{path.name}.lock"}
    assert (path.lstat(), after) == before


@pytest.fixture
def stranger(path: Path, folder: Path) -> Iterator[socket.socket]:
    """A server that is no daemon of ours, so that it holds no lock."""
    assert folder.is_dir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        yield listener


def test_the_socket_of_a_living_server_stays(path: Path, stranger: socket.socket) -> None:
    with pytest.raises(PathTakenError, match="another program listens there"):
        AdminSocket(path)
    assert stranger.fileno() >= 0
    assert is_answered(path)


def test_so_does_that_of_one_too_busy_to_answer(path: Path, stranger: socket.socket) -> None:
    stranger.listen(0)
    waiting = []
    for _ in range(8):
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        waiting.append(client)
        try:
            client.connect(str(path))
        except BlockingIOError:
            break
    with pytest.raises(PathTakenError, match="another program listens there"):
        AdminSocket(path)
    assert path.is_socket()
    for client in waiting:
        client.close()


def test_a_socket_that_refuses_connections_is_replaced(path: Path, folder: Path) -> None:
    assert folder.is_dir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    assert not is_answered(path)
    held = AdminSocket(path)
    assert is_answered(path)
    closed(held)


def test_a_second_one_is_refused_and_the_first_one_lives_on(path: Path) -> None:
    first = AdminSocket(path)
    with pytest.raises(PathTakenError, match=f"process {os.getpid()} listens there"):
        AdminSocket(path)
    assert is_answered(path)
    closed(first)
    closed(AdminSocket(path))


def test_the_lock_counts_even_where_the_path_was_removed(path: Path) -> None:
    first = AdminSocket(path)
    path.unlink()
    with pytest.raises(PathTakenError, match="listens there"):
        AdminSocket(path)
    closed(first)


def test_at_the_end_the_path_is_removed(path: Path) -> None:
    held = AdminSocket(path)
    closed(held)
    held.close()
    assert not os.path.lexists(path)


@pytest.mark.parametrize("put", [plain_file, dangling_link, a_folder])
def test_but_only_while_it_is_ours(path: Path, put: Callable[[Path], None]) -> None:
    held = AdminSocket(path)
    path.unlink()
    put(path)
    closed(held)
    assert os.path.lexists(path)


def test_nor_the_socket_that_another_server_has_put_there(path: Path) -> None:
    held = AdminSocket(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        closed(held)
        assert is_answered(path)


def test_it_is_for_owner_and_group_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        held = AdminSocket(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    closed(held)


def test_a_linked_lock_is_not_followed(path: Path, folder: Path) -> None:
    target = folder / "target"
    target.write_text("kept")
    path.with_name(f"{path.name}.lock").symlink_to(target)
    with pytest.raises(OSError, match=r"loop|symbolic"):
        AdminSocket(path)
    assert target.read_text() == "kept"
