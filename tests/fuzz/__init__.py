"""Bytes that nobody should send: whatever comes is survived, and the next good one is served."""
