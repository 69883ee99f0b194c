"""Records waiting for the store."""
