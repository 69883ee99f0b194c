"""The database as a file: opened, locked, copied, migrated."""
