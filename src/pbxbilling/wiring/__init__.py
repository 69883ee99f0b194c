"""Wires the services behind the API, in the same way in every process that serves it."""
