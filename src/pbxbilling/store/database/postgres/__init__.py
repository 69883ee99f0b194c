"""PostgreSQL: a server, reached over asyncpg; one daemon a database, by a lease."""
