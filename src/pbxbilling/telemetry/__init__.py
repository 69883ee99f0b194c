"""Sinks of facts: log lines and metrics; and what is told to the service manager."""
