"""Stores records in an SQL database: SQLite now, written so that PostgreSQL can follow."""
