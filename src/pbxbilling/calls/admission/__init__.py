"""Admission: whether a new call is allowed."""
