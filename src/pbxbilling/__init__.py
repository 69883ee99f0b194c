"""Call admission, live usage and billing for multi-tenant Asterisk."""

__version__ = "0.1.1"
