"""Tasks that run in the background, beside the handling of calls."""
