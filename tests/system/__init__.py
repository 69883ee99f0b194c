"""The daemon and its parts as processes."""
