"""Calls in Asterisk: their admission, live usage and recovery."""
