"""Money owed becomes money paid, through any gateway."""
