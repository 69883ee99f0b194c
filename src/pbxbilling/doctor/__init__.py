"""Checks live everything that the daemon depends on, and prints each problem with its fix."""
