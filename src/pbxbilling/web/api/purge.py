"""The purge, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Services

LIMIT_S = 20.0  # who asked waits for the answer; the nightly purge takes what time it needs


async def _purge(services: Services, given: Arguments, _actor: str) -> Any:
    if given["dry_run"]:
        return {"rows": await services.purge.preview(), "complete": False, "purged": False}
    purged = await services.purge.run(LIMIT_S)
    return {"rows": purged.rows, "complete": purged.complete, "purged": True}


COMMANDS: Mapping[str, Command] = {"purge": Command(_purge, writes=True)}
