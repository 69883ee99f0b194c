"""The schema's revisions: one file each, applied in order when the daemon starts.

From 0016 on a revision only expands: the program of the release before still writes and reads what
it leaves, since it runs beside the new one while a site is upgraded. What nothing needs any more is
removed by a revision of a later release, whose file says `contracts = "NNNN"`: the revision that
made it unneeded, which every program has that can still run.
"""

RELEASED = "0012"
"""The newest revision of the last release."""
