"""The database file: open, lock, copy and migrate it."""
