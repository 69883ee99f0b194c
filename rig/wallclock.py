"""A wall clock that steps under a running process, as NTP or an administrator step it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from rig import provision


class WallClock:
    """The wall clock of a process started with `environment`; its monotonic clock is unaffected.

    `directory` holds the file that it reads; a process in a chroot sees that as `seen_as`. Raises
    `UnprovisionedError` where libfaketime is unavailable.
    """

    def __init__(self, directory: Path, seen_as: Path | None = None) -> None:
        self._file = directory / "wallclock"
        library = shutil.copy(provision.faketime(), directory)
        seen = seen_as or directory
        self.step_to(0)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(seen / Path(library).name),
            "FAKETIME_TIMESTAMP_FILE": str(seen / self._file.name),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step_to(self, ahead_s: float) -> None:
        """Be this many seconds ahead of the true time from now on; negative: behind."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{ahead_s:+g}\n")
        written.replace(self._file)
