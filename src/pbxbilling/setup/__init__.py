"""Connect a PBX: what would be written is shown first, then written, and undone on demand."""
