"""Statements as documents: CSV for spreadsheets, PDF for customers."""
