"""Read tables that operators write."""
