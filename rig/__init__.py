"""A real Asterisk, SIPp and small peers on loopback, for tests, the demo and measurements.

Nothing in here is shipped. Everything listens on 127.0.0.0/8 only.
"""
