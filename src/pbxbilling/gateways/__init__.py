"""Adapters to payment gateways, one folder for each."""
