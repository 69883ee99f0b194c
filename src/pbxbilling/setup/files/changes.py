"""What would be written: one change a file, shown as a difference before anything happens."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_SECRET = re.compile(r"(?m)^([ +-]?\s*secret\s*=\s*)(\S+)")
_MASK = r"\1(40 random characters, not shown)"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file with its text before (None: there is none) and after."""

    path: Path
    before: str | None
    after: str
    is_secret: bool = False
    """The whole file is a secret, which is never shown."""
    like: Path | None = None
    """A file whose owner and rights a new file gets; None: its owner's alone (0600)."""
    is_private: bool = False
    """There is a secret in it: a new file is not for all to read, whatever `like` is."""
    is_daemons: bool = False
    """The daemon reads it, as a user of its own: a new file and its folder are for all to read."""

    @property
    def is_needed(self) -> bool:
        """Whether the file is not as it should be already."""
        return self.before != self.after

    def shown(self) -> str:
        """Return the difference as `diff -u` prints it; secrets are masked."""
        if self.is_secret:
            return f"--- /dev/null\n+++ {self.path}\n@@ new file @@\n+(a secret, not shown)\n"
        old = (self.before or "").splitlines()
        name = str(self.path) if self.before is not None else "/dev/null"
        lines = difflib.unified_diff(
            old, self.after.splitlines(), name, str(self.path), lineterm="", n=2
        )
        return _SECRET.sub(_MASK, "".join(f"{line}\n" for line in lines))


def needed(changes: Iterable[FileChange]) -> Iterator[FileChange]:
    """Yield the changes of files that are not as they should be."""
    return (change for change in changes if change.is_needed)
