"""Hostile bytes: whatever arrives is survived, and the next good request is served."""
