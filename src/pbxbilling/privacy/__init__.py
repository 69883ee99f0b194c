"""How long personal data is kept, and how a tenant is forgotten."""
