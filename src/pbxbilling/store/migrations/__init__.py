"""The schema's revisions: one file each, applied in order when the daemon starts."""
