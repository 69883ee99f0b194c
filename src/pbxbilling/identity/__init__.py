"""Who acts through the API, and what they may: users, roles, tokens."""
