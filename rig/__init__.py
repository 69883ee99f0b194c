"""A real Asterisk, SIPp and small peers on loopback, for tests, the demo and measurements.

Nothing in here is shipped. Everything listens on 127.0.0.0/8 only.
"""

import sys

# The first file that `make` reads with whatever `python3` is: an older one gets no further.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        f"Python 3.11 or later is needed, and this is {sys.version.split()[0]} ({sys.executable}):"
        " name another one, make PYTHON=python3.11"
    )
