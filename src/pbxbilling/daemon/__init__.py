"""The composition root: builds the daemon, runs its tasks, reloads it and ends it in order."""

from pbxbilling.daemon.process import serve

__all__ = ["serve"]
