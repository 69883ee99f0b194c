"""Turn legs and prices into the amounts that tenants owe."""
