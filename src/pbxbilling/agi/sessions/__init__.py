"""FastAGI sessions, from the first byte to the verdict."""
