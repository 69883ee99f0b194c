"""Sinks of facts (log lines and metrics), the scrape, and messages to the service manager."""
