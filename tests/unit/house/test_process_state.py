"""Tests share a process: what one leaves of the process' own state is not there for the next."""

from __future__ import annotations

import os

import pytest

from pbxbilling.cli.main import UMASK, main


@pytest.mark.parametrize("nth", [1, 2])
def test_a_command_in_this_process_leaves_no_umask(
    nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    del nth
    assert os.umask(0o022) == 0o022
    monkeypatch.setattr("sys.argv", ["pbxbilling", "version"])
    with pytest.raises(SystemExit):
        main()
    assert os.umask(UMASK) == UMASK
