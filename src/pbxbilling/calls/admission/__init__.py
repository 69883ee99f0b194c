"""Whether a new call is allowed."""
