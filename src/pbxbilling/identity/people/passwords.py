"""Which passwords are taken: long ones that nobody has tried already; no other rules.

NIST SP 800-63B (5.1.1.2): length counts, composition rules do not help.
"""

from __future__ import annotations

import unicodedata
from typing import Final

LEAST: Final = 12
MOST: Final = 256  # characters: more would only be work for the hash

# Of those that are long enough, what the published lists of leaked passwords have at their top.
_LISTED: Final = """
123456789012 1234567890123 12345678901234 123456789123 1234567891011 1q2w3e4r5t6y
1q2w3e4r5t6y7u qwertyuiop12 qwertyuiop123 qwertyuiopasdf qwerty123456 qwerty1234567
asdfghjkl123 zxcvbnm12345 password1234 password12345 password123456 passwordpassword
p@ssw0rd1234 passw0rd1234 administrator administrator1 changeme1234 changemeplease
letmein12345 letmeinplease welcome12345 welcome123456 iloveyou1234 iloveyou12345
abcdefghijkl abcdef123456 abc123abc123 aaaaaaaaaaaa 111111111111 000000000000
121212121212 123123123123 112233445566 987654321098 monkey123456 dragon123456
football1234 baseball1234 superman1234 batman123456 sunshine1234 princess1234
trustno1trustno1 correcthorsebatterystaple pbxbilling12 pbxbilling123 asterisk1234
asteriskasterisk freepbx12345 voip12345678 telephone1234
"""
_COMMON: Final = frozenset(_LISTED.split())


def read_password(text: str, email: str) -> str:
    """Return a password as it is hashed. Raises ValueError, which never quotes it.

    The same characters may be sent composed or not, by another keyboard (NFKC).
    """
    password = normalised(text)
    if len(password) < LEAST:
        raise ValueError(f"the password has {len(password)} characters: expected {LEAST} or more")
    if len(password) > MOST:
        raise ValueError(
            f"the password has {len(password)} characters: expected {MOST} at the most"
        )
    lowered = password.lower()
    if lowered in _COMMON or len(set(lowered)) < 4:
        raise ValueError("the password is one that everybody tries first: choose another one")
    local, _, domain = email.partition("@")
    if lowered in {email, f"{local}{local}", f"{domain}{domain}"}:
        raise ValueError("the password is the mail address: choose another one")
    return password


def normalised(text: str) -> str:
    """Return a password in the form that is hashed and compared."""
    return unicodedata.normalize("NFKC", text)
