"""The number in a dial string, by the technology of the channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.ami.messages.dial_string import number_dialled


@pytest.mark.parametrize(
    ("channel", "dial_string", "number"),
    [
        ("PJSIP/carrier-00000001", "0155501@carrier", "0155501"),
        ("PJSIP/carrier-00000001", "+4930123456@carrier", "+4930123456"),
        ("PJSIP/carrier-00000001", "PJSIP/0155501@carrier", "0155501"),
        ("PJSIP/carrier-00000001", "carrier/sip:0155501@192.0.2.1:5060", "0155501"),
        ("PJSIP/carrier-00000001", "carrier/sips:+44207946;x=1@host", "+44207946"),
        ("PJSIP/carrier-00000001", "carrier/sip:192.0.2.1", ""),
        ("PJSIP/carrier-00000001", "carrier", ""),
        ("PJSIP/acme1-00000001", "acme1", ""),
        ("SIP/carrier-00000001", "carrier/0155501", "0155501"),
        ("SIP/carrier-00000001", "0155501@carrier", "0155501"),
        ("SIP/carrier-00000001", "carrier/0155501!to@host", "0155501"),
        ("IAX2/carrier-123", "user9:secret1@carrier/0155501@ctx/a", "0155501"),
        ("IAX2/carrier-123", "carrier/0155501", "0155501"),
        ("IAX2/carrier-123", "user9:secret1@carrier", ""),
        ("DAHDI/i1/0155501-1", "g1/0155501", "0155501"),
        ("DAHDI/1-1", "G2r1/w0155501", "0155501"),
        ("DAHDI/1-1", "1-3/0155501/K", "0155501"),
        ("DAHDI/1-1", "1", ""),
        ("Mobile/phone-1", "phone/0155501", "0155501"),
        ("Dongle/dongle0-0100000001", "dongle0/+4915550100", "+4915550100"),
        ("Quectel/quectel0-0100000001", "g1/015550100", "015550100"),
        ("SCCP/1001-00000001", "1001", ""),
        ("OOH323/carrier-1", "0155501/carrier", "0155501"),
        ("OOH323/carrier-1", "0155501@192.0.2.1", "0155501"),
        ("OOH323/carrier-1", "carrier", ""),
        ("Motif/carrier-1", "carrier/0155501@voice.example.com", "0155501"),
        ("PJSIP/carrier-00000001", "alice@carrier", ""),
        ("", "", ""),
    ],
)
def test_each_technology_is_told_the_number_in_its_own_way(
    channel: str, dial_string: str, number: str
) -> None:
    assert number_dialled(channel, dial_string) == number


@given(st.text(max_size=20), st.text(max_size=30))
def test_any_text_is_read_and_no_password_with_it(channel: str, dial_string: str) -> None:
    assert number_dialled(channel, dial_string) in dial_string
    assert "secret" not in number_dialled(channel, f"user:secret1@{dial_string}")
