"""The process that faces the world: it reads the database, and asks the daemon for all else."""

from pbxbilling.web_process.process import serve

__all__ = ["serve"]
