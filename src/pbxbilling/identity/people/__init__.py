"""People who log in: accounts, roles, passwords, a second factor."""
