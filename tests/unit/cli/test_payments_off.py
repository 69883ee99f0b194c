"""Commands about payments with Stripe off, or without a daemon."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pbxbilling.cli.connection import CommandFailed
from pbxbilling.cli.main import app

COMMANDS = [
    "stripe checkout acme --plan starter",
    "stripe portal acme",
    "stripe parked",
    "stripe link sub_1 acme",
    "stripe adopt --dry-run",
    "subscriptions",
    "subscriptions --tenant acme",
    "invoices acme",
    "subscription cancel acme --now",
    "subscription reactivate acme",
]
KEYS = '[stripe]\nenabled = true\nsecret_key = "sk_test_never"\nwebhook_secrets = ["whsec_never"]\n'


def failed(tmp_path: Path, command: str, stripe: str) -> str:
    config = tmp_path / "pbxbilling.toml"
    config.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/pbxbilling.db"\n'
        f'[http]\nadmin = "{tmp_path}/admin.sock"\n{stripe}'
    )
    result = CliRunner().invoke(app, [*command.split(), "-c", str(config)])
    assert isinstance(result.exception, CommandFailed)
    assert result.output == ""
    assert not (tmp_path / "pbxbilling.db").exists()
    return str(result.exception)


@pytest.mark.parametrize("command", [*COMMANDS, "stripe check"])
def test_without_keys_it_says_how_to_enable_stripe(tmp_path: Path, command: str) -> None:
    told = failed(tmp_path, command, "")
    assert told.startswith("Stripe is not enabled, and nothing is charged: put the API key")
    assert "stripe.secret_key_file" in told
    assert "`enabled = true` under [stripe]" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_with_keys_it_needs_the_daemon(tmp_path: Path, command: str) -> None:
    told = failed(tmp_path, command, KEYS)
    assert "needs it running" in told
    assert "never" not in told


def test_a_cycle_that_stripe_does_not_sell_is_wrong_usage() -> None:
    words = ["stripe", "checkout", "acme", "--plan", "starter", "--cycle", "week"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "expected month or quarter or half_year or year" in result.output
