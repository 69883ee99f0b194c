"""Adapters to the libraries that hash passwords and compute codes of the moment."""
