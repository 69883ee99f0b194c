"""Contracts of the ports, which every implementation must satisfy."""
