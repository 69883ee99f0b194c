"""A FastAGI session, from its first byte to its verdict."""
