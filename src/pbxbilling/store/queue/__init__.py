"""Records that wait for the store."""
