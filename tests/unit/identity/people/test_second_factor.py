"""Codes of the moment, each once; recovery codes, each once."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.people.second_factor import (
    RECOVERY_CODES,
    after_use,
    new_recovery,
    new_totp,
    recovery_digest,
    step_of,
)
from tests.support.identity.tokens import ANN

# RFC 6238, appendix B: this secret (SHA-1) at these times, the last six of its eight digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CODES = PyOtp()
WITH_CODES = replace(ANN, totp=SECRET)


def code(seconds: float = 0) -> str:
    return CODES.code(SECRET, step_of(NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(("at", "expected"), VECTORS.items())
def test_the_rfcs_own_examples(at: int, expected: str) -> None:
    assert CODES.code(SECRET, step_of(datetime.fromtimestamp(at, UTC))) == expected


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_clock_may_be_half_a_minute_off(seconds: int) -> None:
    used = after_use(WITH_CODES, code(seconds), NOW, CODES)
    assert used is not None
    assert used.totp_step == step_of(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("wrong", ["", "000000", "x", code(-60), code(60)])
def test_others_are_wrong(wrong: str) -> None:
    assert after_use(WITH_CODES, wrong, NOW, CODES) is None


def test_a_code_is_good_once_and_so_is_none_before_it() -> None:
    used = after_use(WITH_CODES, code(), NOW, CODES)
    assert used is not None
    assert after_use(used, code(), NOW, CODES) is None
    assert after_use(used, code(-30), NOW, CODES) is None
    assert after_use(used, code(30), NOW, CODES) is not None


def test_a_code_may_be_typed_with_a_space() -> None:
    assert after_use(WITH_CODES, f"{code()[:3]} {code()[3:]}", NOW, CODES) is not None


def test_each_recovery_code_is_good_once_however_it_is_typed() -> None:
    codes = new_recovery(secrets.token_bytes)
    assert len(set(codes)) == RECOVERY_CODES
    user = replace(WITH_CODES, recovery=tuple(map(recovery_digest, codes)))
    first = after_use(user, codes[0].upper().replace("-", " "), NOW, CODES)
    assert first is not None
    assert len(first.recovery) == RECOVERY_CODES - 1
    assert after_use(first, codes[0], NOW, CODES) is None
    assert after_use(first, codes[1], NOW, CODES) is not None


def test_a_new_secret_has_160_bits_and_is_read_by_applications() -> None:
    secret = new_totp(secrets.token_bytes)
    assert len(secret) == 32
    assert CODES.address(secret, ANN.email).startswith(
        "otpauth://totp/pbxbilling:ann%40acme.example?"
    )
