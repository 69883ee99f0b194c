"""The login never shows the secret, and over TLS only to the PBX that the certificate names."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from pbxbilling.doctor.manager import UnreachableError, interview
from pbxbilling.runtime.clock import SystemClock
from rig.certificate import SelfSigned, self_signed
from rig.proxy import Proxy
from rig.virtualpbx import VirtualPbx
from tests.support.ami.links import QUICK, Linked, linked

SECRET = QUICK.secret


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> SelfSigned:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> SelfSigned:
    return self_signed(tmp_path_factory.mktemp("other"))


@asynccontextmanager
async def pbx_with(signed: SelfSigned | None) -> AsyncIterator[VirtualPbx]:
    pbx = VirtualPbx(login_delay_s=0)
    context = None
    if signed is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed.certificate, signed.key)
    await pbx.start(tls=context)
    try:
        yield pbx
    finally:
        await pbx.stop()


async def fault(made: Linked) -> str:
    """Return why the link is down."""
    await made.witness.until(lambda: bool(made.witness.said("disconnected")))
    assert made.witness.said("connected") == []
    return str(made.witness.said("disconnected")[0][2])


@pytest.mark.parametrize("tls", [False, True])
async def test_who_reads_the_wire_reads_no_secret(signed: SelfSigned, *, tls: bool) -> None:
    async with pbx_with(signed if tls else None) as pbx:
        with Proxy(("127.0.0.1", pbx.port)) as proxy:
            port, ca = proxy.address[1], signed.certificate if tls else None
            async with linked(port, tls=tls, ca_file=ca, login_s=10) as made:
                assert (await made.control.snapshot()).complete
            settings = replace(QUICK, port=port, tls=tls, ca_file=ca, login_s=10)
            await interview(settings, (), SystemClock(), 0.0)  # the doctor's login
            read = b"".join(proxy.read)
    assert read
    assert SECRET.encode() not in read
    assert (b"Challenge" in read) is not tls
    assert all("Secret" not in action for action in pbx.manager.actions)
    assert [a["AuthType"] for a in pbx.manager.actions if a["Action"] == "Login"] == ["MD5"] * 2


async def test_a_challenge_is_answered_once_and_no_answer_fits_another(signed: SelfSigned) -> None:
    async with pbx_with(None) as pbx:
        for _ in range(2):
            async with linked(pbx.port):
                pass
        keys = [action["Key"] for action in pbx.manager.actions if action["Action"] == "Login"]
    assert len(set(keys)) == 2


async def test_a_certificate_of_another_ca_is_refused(
    signed: SelfSigned, other: SelfSigned
) -> None:
    async with (
        pbx_with(signed) as pbx,
        linked(pbx.port, wait=False, tls=True, ca_file=other.certificate) as made,
    ):
        assert "its certificate is not accepted" in await fault(made)
        assert pbx.manager.actions == []


async def test_so_is_one_that_no_ca_of_this_machine_signed(signed: SelfSigned) -> None:
    async with pbx_with(signed) as pbx, linked(pbx.port, wait=False, tls=True) as made:
        assert "set ca_file to the CA that signed it" in await fault(made)
        assert pbx.manager.actions == []


async def test_so_is_one_of_another_host(signed: SelfSigned) -> None:
    async with (
        pbx_with(signed) as pbx,
        linked(
            pbx.port, wait=False, host="localhost", tls=True, ca_file=signed.certificate
        ) as made,
    ):
        assert "have it name localhost" in await fault(made)
        assert pbx.manager.actions == []


async def test_a_port_without_tls_gets_nothing(signed: SelfSigned) -> None:
    async with (
        pbx_with(None) as pbx,
        linked(pbx.port, wait=False, tls=True, ca_file=signed.certificate) as made,
    ):
        assert "no TLS at this port" in await fault(made)
        assert all("Key" not in action for action in pbx.manager.actions)


async def test_a_port_with_tls_is_named_to_who_speaks_none(signed: SelfSigned) -> None:
    async with pbx_with(signed) as pbx, linked(pbx.port, wait=False, login_s=0.2) as made:
        assert "tls = true" in await fault(made)


async def test_a_ca_file_that_is_none_is_named(signed: SelfSigned, tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.touch()
    for ca in (tmp_path / "none.pem", empty):
        async with (
            pbx_with(signed) as pbx,
            linked(pbx.port, wait=False, tls=True, ca_file=ca) as made,
        ):
            assert f"ca_file {ca} cannot be used" in await fault(made)


async def test_the_doctor_names_the_certificate_too(signed: SelfSigned) -> None:
    async with pbx_with(signed) as pbx:
        settings = replace(QUICK, port=pbx.port, tls=True)
        with pytest.raises(UnreachableError, match="its certificate is not accepted"):
            await interview(settings, (), SystemClock(), 0.0)


def test_the_link_over_tls_lives_on_uvloop_and_takes_bursts(signed: SelfSigned) -> None:
    async def call() -> None:
        async with (
            pbx_with(signed) as pbx,
            linked(pbx.port, tls=True, ca_file=signed.certificate, connect_s=10) as made,
        ):
            pbx.populate(2000)
            assert (await made.control.snapshot()).complete
            for number in range(3000):
                pbx.emit("Rename", f"Channel: x\r\nNewname: {number}\r\nUniqueid: 1.1\r\n")
            await made.witness.until(lambda: len(made.witness.signals) == 3001)
            await pbx.manager.drop()
            await made.witness.until(lambda: len(made.witness.said("connected")) == 2)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(call())
