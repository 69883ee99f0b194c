"""Checks live everything that the daemon depends on, and names each problem with its fix."""
