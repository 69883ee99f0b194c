"""Runs a command, passes on its exit status, and says how long it took of the time CI gives it.

`make test` may take 70 minutes on two cores; CI ends it at 90.
"""

import subprocess
import sys
import time

WARN_ABOVE_S = 65 * 60
LIMIT_S = 70 * 60


def verdict(took_s: float) -> str:
    """Return the line that says how long it took, with a warning where little time is left."""
    minutes, seconds = divmod(round(took_s), 60)
    line = f"took {minutes} min {seconds:02} s of {LIMIT_S // 60} min"
    if took_s <= WARN_ABOVE_S:
        return line
    return f"{line}: WARNING, more than {WARN_ABOVE_S // 60} min; shorten the slowest tests above"


def main() -> int:
    """Run the command of the arguments."""
    began = time.monotonic()
    try:
        return subprocess.run(sys.argv[1:], check=False).returncode
    finally:
        print(verdict(time.monotonic() - began), flush=True)


if __name__ == "__main__":
    sys.exit(main())
