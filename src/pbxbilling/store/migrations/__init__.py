"""The schema's history: one file a revision, applied in order when the daemon starts."""
