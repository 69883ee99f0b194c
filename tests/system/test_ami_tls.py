"""AMI over TLS to a real Asterisk: the daemon counts calls, and a reader of the wire no secret."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from rig.certificate import SelfSigned, self_signed
from rig.proxy import Proxy
from rig.site import AMI_SECRET
from rig.waiting import until
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.system.test_doctor import examined

pytestmark = pytest.mark.asterisk

TLS_PORT = 5039
NUMBER = "0155501"


@contextmanager
def tls(asterisk: Asterisk, signed: SelfSigned) -> Iterator[tuple[str, int]]:
    """Have the manager listen for TLS as well; yield the address."""
    etc = asterisk.directory / "etc"
    path = etc / "manager.conf"
    before = path.read_text()
    shutil.copy(signed.certificate, etc / "ami.pem")
    shutil.copy(signed.key, etc / "ami.key")
    enabled = (
        f"[general]\ntlsenable = yes\ntlsbindaddr = {asterisk.block.pbx}:{TLS_PORT}\n"
        "tlscertfile = /rig/etc/ami.pem\ntlsprivatekey = /rig/etc/ami.key\n"
    )
    try:
        path.write_text(before.replace("[general]\n", enabled, 1))
        asterisk.rx("manager reload")
        yield asterisk.block.pbx, TLS_PORT
    finally:
        path.write_text(before)
        asterisk.rx("manager reload")


@pytest.mark.parametrize("encrypted", [True, False])
def test_calls_are_counted_and_the_wire_has_no_secret(
    each_asterisk: Asterisk, tmp_path: Path, *, encrypted: bool
) -> None:
    asterisk, signed = each_asterisk, self_signed(tmp_path)
    with (
        tls(asterisk, signed) as over_tls,
        Proxy(over_tls if encrypted else asterisk.ami) as proxy,
    ):
        more = f'tls = true\nca_file = "{signed.certificate}"\n' if encrypted else ""
        with Daemon(asterisk, tmp_path, ami=proxy.address, pbx_more=more) as daemon:
            daemon.apply(ACCOUNTS)
            block = asterisk.block
            with (
                sipp.answer(tmp_path / "carrier", block.carrier()),
                sipp.call(
                    tmp_path / "caller", block.pbx, block.phone("acme"), NUMBER, hold_s=1
                ) as call,
            ):
                call.await_count("final", 1)
                until(lambda: [one["state"] for one in daemon.calls()] == ["up"], "it is up", 5)
                call.finish()
            daemon.wait_idle()
            assert [leg[:2] for leg in daemon.answered()] == [("acme", "outbound")]
            _, found = examined(daemon)
            assert found["pbx1", "login"]["result"] == "ok"
        read = b"".join(proxy.read)
    assert len(read) > 2000
    assert AMI_SECRET.encode() not in read
    assert (b"Newchannel" in read) is not encrypted


def test_a_pbx_with_the_certificate_of_another_is_not_logged_into(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    signed, other = self_signed(tmp_path), self_signed(tmp_path / "other")
    more = f'tls = true\nca_file = "{other.certificate}"\n'
    with tls(asterisk, signed) as over_tls, Proxy(over_tls) as proxy:
        daemon = Daemon(asterisk, tmp_path, ami=proxy.address, pbx_more=more)
        status, found = examined(daemon)
        assert status == 1
        assert "its certificate is not accepted" in found["pbx1", "login"]["found"]
