"""Statements on paper: CSV for spreadsheets, PDF for customers."""
