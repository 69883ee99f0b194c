"""Where a command is served: by the running daemon, else by the database itself."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbxbilling.config.settings import Settings


class CommandFailed(Exception):  # noqa: N818 - it is caught by name and shown as a sentence
    """The command could not be done; the message names thing, place and mend."""


def ask(config: Path, command: str, given: Mapping[str, Any]) -> Any:
    """Run a command and give its result. Raises CommandFailed, ConfigError, StoreError …"""
    import orjson

    from pbxbilling.config.faults import ConfigError
    from pbxbilling.config.load import load

    try:
        settings = load(config, os.environ)
    except ConfigError:
        answer = _from_daemon(_written_admin(config), command, given)
        if answer is None:
            raise
        return orjson.loads(answer)
    answer = _from_daemon(settings.http.admin, command, given)
    if answer is None:
        answer = _without_daemon(settings, command, given)
    return orjson.loads(answer)


def _written_admin(config: Path) -> Path:
    """The socket that a faulty file names: a daemon on its last good one still answers there."""
    from pbxbilling.config.sections import HttpSettings

    try:
        http = tomllib.loads(config.read_text(encoding="utf-8")).get("http", {})
    except (OSError, ValueError):
        http = {}
    admin = http.get("admin") if isinstance(http, dict) else None
    return Path(admin) if isinstance(admin, str) else HttpSettings().admin


def _from_daemon(admin: Path, command: str, given: Mapping[str, Any]) -> bytes | None:
    """The daemon's answer; None where none runs."""
    import httpx
    import orjson

    from pbxbilling.web.actor import SUDO_USER

    if not admin.exists():
        return None
    transport = httpx.HTTPTransport(uds=str(admin))
    with httpx.Client(transport=transport, base_url="http://pbxbilling", timeout=30) as client:
        try:
            answer = client.post(
                f"/commands/{command}",
                content=orjson.dumps(given),
                headers={SUDO_USER: user} if (user := os.environ.get("SUDO_USER")) else {},
            )
        except httpx.ConnectError:
            return None
        except httpx.HTTPError as error:
            msg = f"the daemon at {admin} did not answer ({error!r}): see its log"
            raise CommandFailed(msg) from error
    if answer.status_code != httpx.codes.OK:
        raise CommandFailed(answer.text)
    return answer.content


def _without_daemon(settings: Settings, command: str, given: Mapping[str, Any]) -> bytes:
    from pbxbilling.daemon.offline import run_offline
    from pbxbilling.kernel.gateway_names import HOW_TO_ENABLE
    from pbxbilling.store.database.lock import database_lock
    from pbxbilling.web.api import COMMANDS

    if COMMANDS[command].about_payments and not settings.stripe.enabled:
        raise CommandFailed(HOW_TO_ENABLE)
    if COMMANDS[command].needs_daemon:
        msg = (
            f"no daemon answers at {settings.http.admin}: `{command}` needs it running;"
            " start it with `systemctl start pbxbilling` (or `pbxbilling serve`)"
        )
        raise CommandFailed(msg)
    with ExitStack() as held:
        if COMMANDS[command].writes:
            held.enter_context(database_lock(settings.database.path))
        return asyncio.run(run_offline(settings, command, given))
