"""The composition root: builds the daemon, runs its tasks, reloads and stops it in order."""

from pbxbilling.daemon.process import serve

__all__ = ["serve"]
