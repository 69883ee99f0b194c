"""What takes long is answered by another process; one that is lost fails its request alone."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from pbxbilling.config.load import load
from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import ActorType
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from pbxbilling.web.api import Elsewhere, api
from pbxbilling.web_process import beside
from pbxbilling.web_process.beside import Beside
from pbxbilling.web_process.readers import Readers
from tests.support.daemon.whole_daemon import whole_daemon
from tests.support.web.answers import dawdle, die

# anyio closes the pipes of its processes where asyncio.run() ends a loop; pytest ends it otherwise.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PREVIEW = "/tenants/acme/statements/preview"


async def nobody(*_: object) -> Any:
    raise AssertionError("nothing writes")


class Web:
    """The application of a web process, for a token of acme."""

    def __init__(self, client: Callable[[float], httpx.AsyncClient]) -> None:
        self.client = client

    async def get(self, path: str, limit_s: float = 60.0) -> httpx.Response:
        async with self.client(limit_s) as client:
            return await client.get(path)


async def end_processes() -> None:
    """End the processes beside this one, as the end of its event loop does where that is run."""
    ending = {task for task in asyncio.all_tasks() if "process pool" in task.get_name()}
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)
    gc.collect()  # pipes that anyio leaves open, within the test that they are of


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Web]:
    config, database = tmp_path / "web.toml", tmp_path / "pbxbilling.db"
    config.write_text(f'[database]\nurl = "sqlite:///{database}"\n')
    async with whole_daemon(tmp_path, SystemClock()) as whole:
        await whole.api.put(
            "/accounts", text='[plan.p]\n[tenant.acme]\nplan = "p"', source="a.toml"
        )
        settings = load(config, {}, with_secrets=False)
        reader = SqlStore.read_only(SqliteFile(database))
        readers = Readers(reader, settings, SystemClock())

        async def acting(_request: Request) -> Principal:
            return Principal(ActorType.TOKEN, "ours", frozenset(Permission), "acme")

        def client(limit_s: float) -> httpx.AsyncClient:
            elsewhere = Elsewhere(nobody, Beside(settings, limit_s).endpoint)
            transport = httpx.ASGITransport(api(readers.services, acting, elsewhere))
            return httpx.AsyncClient(transport=transport, base_url="http://test/api/v1")

        async with reader:
            yield Web(client)
            await end_processes()


async def test_it_answers_as_whoever_asks(web: Web) -> None:
    answer = await web.get(PREVIEW)
    assert (answer.status_code, answer.json()["tenant"]) == (200, "acme")
    assert (await web.get(f"{PREVIEW}?month=2020-01")).json()["month"] == "2020-01"
    assert (await web.get(PREVIEW.replace("acme", "globex"))).status_code == 404
    refused = await web.get(f"{PREVIEW}?month=2999-01")
    assert (refused.status_code, refused.json()["instance"]) == (422, f"/api/v1{PREVIEW}")
    assert (await web.get("/tenants")).json()[0]["tenant"] == "acme"  # here, not beside


async def test_a_process_that_is_lost_fails_its_request_alone(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(beside, "answer", die)
        lost = await web.get(PREVIEW)
        assert (lost.status_code, lost.json()["code"]) == (503, "worker_failed")
    assert (await web.get(PREVIEW)).status_code == 200


async def test_one_that_takes_too_long_is_ended(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(beside, "answer", dawdle)
        ended = await web.get(PREVIEW, limit_s=0.1)
        assert (ended.status_code, ended.json()["code"]) == (503, "busy")
    assert (await web.get(PREVIEW)).status_code == 200


async def test_more_than_can_wait_are_sent_away(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "answer", dawdle)
    monkeypatch.setattr(beside, "AT_ONCE", 1)
    monkeypatch.setattr(beside, "WAITING_MOST", 1)
    async with web.client(0.5) as client:
        answers = await asyncio.gather(*(client.get(PREVIEW) for _ in range(3)))
    sent_away = [one for one in answers if "too many" in one.json()["detail"]]
    assert [one.status_code for one in answers] == [503] * 3
    assert len(sent_away) == 1
