"""A process beside the daemon for work that would delay calls, one job at a time."""
