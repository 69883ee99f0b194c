"""The virtual PBX's CEL journal, in the columns of config/asterisk/cel_custom_pbxbilling.conf."""

from __future__ import annotations

import json
import time
from pathlib import Path

from rig.virtualpbx.channel import Channel


class Journal:
    """Appends one CSV line per event to `path`; without a path it writes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, event: str, channel: Channel, extra: dict[str, object] | None = None) -> None:
        """Write one event of that channel, now; `extra` becomes JSON in Asterisk's format."""
        if self._path is None:
            return
        row = (
            event,
            f"{time.time():.6f}",
            channel.uniqueid,
            channel.linkedid,
            channel.name,
            channel.accountcode,
            channel.context,
            channel.exten,
            channel.caller,
            "",
            "",
            channel.application,
            "" if extra is None else json.dumps(extra, separators=(",", ":")),
        )
        line = ",".join('"' + field.replace('"', '""') + '"' for field in row)
        with self._path.open("a") as journal:
            journal.write(line + "\n")
