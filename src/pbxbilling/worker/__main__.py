"""The worker's process: `python -m pbxbilling.worker JOB PARENT`, started by the daemon.

Standard input is a file of frames with what the job is given, standard output one with what it
makes.
"""

from __future__ import annotations

import os
import resource
import sys

from pbxbilling.worker.frames import Frames
from pbxbilling.worker.giving_way import MEMORY_MOST, end_with, give_way

CPU_MOST_S = 900
FILE_MOST = 2 << 30
LIMITS = {
    resource.RLIMIT_CPU: CPU_MOST_S,
    resource.RLIMIT_AS: MEMORY_MOST,
    resource.RLIMIT_FSIZE: FILE_MOST,
}


def main() -> None:
    """Run one job."""
    job, parent = sys.argv[1], int(sys.argv[2])
    end_with(parent)
    give_way(LIMITS)
    from pbxbilling.worker.jobs import perform

    sys.stdout = sys.stderr
    with Frames.of(os.dup(0)) as given, Frames.of(os.dup(1)) as made:
        perform(job, given, made)


if __name__ == "__main__":
    main()
