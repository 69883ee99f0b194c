"""Facts as log lines and counters."""
