"""What operators install is compiled where it claims to be, and is what is tested here."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from pbxbilling.runtime.compiled import is_compiled
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.house.build import to_be_compiled

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not is_compiled(), reason="from sources: `make test` compiles them before"),
]


@pytest.mark.parametrize("path", to_be_compiled())
def test_all_of_the_way_of_a_call_is_compiled(path: str) -> None:
    module = import_module(path.removeprefix("src/").removesuffix(".py").replace("/", "."))
    assert module.__file__ is not None
    assert module.__file__.endswith(".so")


def test_a_daemon_says_that_it_is(tmp_path: Path) -> None:
    with VirtualSite(tmp_path) as site:
        site.start()
        lines = [json.loads(line) for line in site.log().splitlines()]
    (ready,) = (line for line in lines if line["event"] == "ready")
    assert ready["compiled"] is True
