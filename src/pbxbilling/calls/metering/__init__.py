"""Metering of live legs, and the cut of those that have used up their allowance."""
