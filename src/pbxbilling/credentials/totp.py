"""Computes codes of the moment (RFC 6238): six digits, SHA-1, as every application expects."""

from __future__ import annotations

from pyotp import HOTP, TOTP

ISSUER = "pbxbilling"


class PyOtp:
    """The port `OneTimeCodes`."""

    def code(self, secret: str, step: int) -> str:
        """Return the six digits of a step."""
        return HOTP(secret).at(step)

    def address(self, secret: str, email: str) -> str:
        """Return the `otpauth://` address that an application reads from a picture."""
        return str(TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))
