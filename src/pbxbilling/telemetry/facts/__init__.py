"""What a fact becomes: a line of the log, and counters."""
