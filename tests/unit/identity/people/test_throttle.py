"""Who guesses waits ever longer; who owns the account logs in from elsewhere meanwhile."""

from __future__ import annotations

from itertools import count

import pytest

from pbxbilling.identity.people import throttle
from pbxbilling.identity.people.throttle import FORGOTTEN_S, FREE, MOST_S, Throttle, network_of

ANN, HERE, ELSEWHERE = "ann@acme.example", "192.0.2.7", "198.51.100.1"


def after_failures(number: int) -> Throttle:
    guard = Throttle()
    for _ in range(number):
        guard.failed(ANN, HERE, 0.0)
    return guard


def test_the_delay_grows_with_each_failure_up_to_a_limit() -> None:
    waits = [after_failures(number).wait_s(ANN, HERE, 0.0) for number in range(30)]
    assert waits[: FREE + 4] == [0.0] * FREE + [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == MOST_S


def test_it_passes_with_the_time() -> None:
    guard = after_failures(FREE + 2)
    assert guard.wait_s(ANN, HERE, 3.0) == 1.0
    assert guard.wait_s(ANN, HERE, 4.0) == 0.0


def test_the_owner_is_not_locked_out_from_elsewhere() -> None:
    guard = after_failures(100)
    assert guard.wait_s(ANN, ELSEWHERE, 0.0) == 0.0


def test_another_address_of_the_same_network_is_no_elsewhere() -> None:
    assert after_failures(FREE).wait_s(ANN, "192.0.2.200", 0.0) > 0


def test_who_tries_one_password_on_every_account_waits_too() -> None:
    guard = Throttle()
    for nth in range(throttle.FREE_OF_AN_ADDRESS):
        assert guard.wait_s(f"{nth}@acme.example", HERE, 0.0) == 0.0
        guard.failed(f"{nth}@acme.example", HERE, 0.0)
    assert guard.wait_s("new@acme.example", HERE, 0.0) > 0


def test_a_success_forgets_the_accounts_failures() -> None:
    guard = after_failures(FREE + 3)
    guard.succeeded(ANN, HERE)
    assert guard.wait_s(ANN, HERE, 0.0) == 0.0


def test_old_failures_are_forgotten() -> None:
    guard = after_failures(FREE + 9)
    assert guard.wait_s(ANN, HERE, FORGOTTEN_S) == 0.0
    guard.failed(ANN, HERE, FORGOTTEN_S)
    assert guard.wait_s(ANN, HERE, FORGOTTEN_S) == 0.0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "KNOWN_MOST", 100)
    guard = Throttle()
    for nth in range(1000):
        guard.failed(f"{nth}@acme.example", f"192.0.2.{nth % 256}", 0.0)
    assert len(guard._failures) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("unix:", "unix:"),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network


def test_guesses_from_a_thousand_networks_lock_nobody_out() -> None:
    guard = Throttle()
    for nth in count():
        if nth == 1000:
            break
        guard.failed(ANN, f"10.{nth // 250}.{nth % 250}.1", 0.0)
    assert guard.wait_s(ANN, HERE, 0.0) == 0.0
