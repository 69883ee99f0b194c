"""The composition root: builds the daemon, runs its tasks, reloads it and ends it in order."""

from pbxbilling.app.process import serve

__all__ = ["serve"]
