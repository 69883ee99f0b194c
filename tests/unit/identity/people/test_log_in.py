"""Logging in: the same words and the same work for everybody who does not get in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.facts import LoginFailed
from pbxbilling.identity.people.log_in import (
    WRONG,
    Attempt,
    LoggedIn,
    LogIn,
    TooManyError,
    WrongLoginError,
)
from pbxbilling.identity.people.second_factor import recovery_digest, step_of
from pbxbilling.identity.people.user import User
from pbxbilling.kernel.facts import Fact
from tests.support.identity.tokens import ANN, QuickHasher
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore

PASSWORD = "a long password"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class Door:
    """The login of some users."""

    def __init__(self, *users: User) -> None:
        self.store, self.clock, self.facts = MemoryStore(), Clock(), list[Fact]()
        for user in users:
            self.store.identity_store.put(user)
        self.hasher = QuickHasher()
        self.log_in = LogIn(
            self.store.identity_store, self.hasher, PyOtp(), self.clock, self.facts.append
        )

    async def tried(
        self,
        password: str = PASSWORD,
        code: str = "",
        email: str = ANN.email,
        address: str = "192.0.2.7",
    ) -> LoggedIn:
        return await self.log_in.check(Attempt(email, password, code, address))

    @property
    def code(self) -> str:
        return PyOtp().code(SECRET, step_of(self.clock.now()))


async def test_the_right_password_lets_in() -> None:
    door = Door(ANN)
    assert await door.tried(email=" Ann@ACME.example") == LoggedIn(ANN, None)
    assert door.facts == []


@pytest.mark.parametrize(
    ("user", "given", "reason"),
    [
        (ANN, {"email": "bob@acme.example"}, "unknown"),
        (ANN, {"password": "another one"}, "password"),
        (ANN, {"password": ""}, "password"),
        (replace(ANN, password=""), {"password": ""}, "password"),
        (replace(ANN, disabled_at=ANN.created_at), {}, "disabled"),
        (replace(ANN, totp=SECRET), {}, "code"),
        (replace(ANN, totp=SECRET), {"code": "000000"}, "code"),
    ],
)
async def test_everybody_else_hears_the_same_after_the_same_work(
    user: User, given: dict[str, str], reason: str
) -> None:
    door = Door(user)
    with pytest.raises(WrongLoginError, match=f"^{WRONG}$"):
        await door.tried(**given)
    assert len(door.hasher.compared) == 1
    (fact,) = door.facts
    assert isinstance(fact, LoginFailed)
    assert fact.reason == reason


async def test_a_code_is_used_up() -> None:
    door = Door(replace(ANN, totp=SECRET))
    found = await door.tried(code=door.code)
    assert found.changed == replace(found.user, totp_step=step_of(door.clock.now()))


async def test_a_recovery_code_stands_in_for_the_phone() -> None:
    door = Door(replace(ANN, totp=SECRET, recovery=(recovery_digest("abcd"), "other")))
    found = await door.tried(code="AB-CD")
    assert found.changed is not None
    assert found.changed.recovery == ("other",)


async def test_an_old_hash_is_renewed() -> None:
    door = Door(replace(ANN, password=f"old:{PASSWORD}"))
    found = await door.tried()
    assert found.changed is not None
    assert found.changed.password == f"quick:{PASSWORD}"


async def test_who_guesses_is_told_to_wait_and_no_password_is_compared_meanwhile() -> None:
    door = Door(ANN)
    for _ in range(3):
        with pytest.raises(WrongLoginError):
            await door.tried("wrong")
    with pytest.raises(TooManyError) as refused:
        await door.tried()
    assert refused.value.retry_s == 1.0
    assert len(door.hasher.compared) == 3
    assert (await door.tried(address="198.51.100.1")).user == ANN
    door.clock.move_to(door.clock.now() + timedelta(seconds=1))
    assert (await door.tried()).user == ANN


async def test_only_the_first_failures_have_a_loud_line() -> None:
    door = Door(ANN)
    for _ in range(6):
        with pytest.raises(WrongLoginError):
            await door.tried("wrong")
        door.clock.move_to(door.clock.now() + timedelta(minutes=10))
    loud = [fact.loud for fact in door.facts if isinstance(fact, LoginFailed)]
    assert loud == [True, True, False, False, False, False]
