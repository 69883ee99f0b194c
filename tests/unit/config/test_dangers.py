"""Each silent danger of a configuration is said, or refused; what is safe is not mentioned."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.config import load
from pbxbilling.config.faults import ConfigError

PBX = '[[pbx]]\nname = "p"\nhost = "{host}"\nusername = "u"\nsecret = "s"\ntrunks = ["P/c"]\n'
HERE = PBX.format(host="127.0.0.1")
STRIPE = '[stripe]\nenabled = true\nsecret_key = "{key}"\nwebhook_secrets = ["whsec_1"]\n'
LIVE, TEST = STRIPE.format(key="sk_live_1"), STRIPE.format(key="sk_test_1")
STRICT = '{}mode = "enforce"\nunknown_tenant = "refuse"\n[agi]\non_deadline = "refuse"\n'
TOKEN = "0123456789abcdef"
OUTSIDE = '[agi]\nlisten = "0.0.0.0:4590"\nallow = ["192.0.2.1/32"]\n'

POSTGRES = '[database]\nurl = "postgresql://u@'

DANGERS = [
    (PBX.format(host="198.51.100.7"), "AMI with 198.51.100.7 has no TLS"),
    (PBX.format(host="pbx.example"), "set tls = true"),
    (PBX.format(host="2001:db8::1"), "has no TLS"),
    (f'[http]\nlisten = "0.0.0.0:8080"\n{HERE}', '[http] listen = "0.0.0.0:8080"'),
    (f'[http]\nlisten = "[::]:8080"\n{HERE}', "put a reverse proxy in front"),
    (f"{OUTSIDE}{HERE}", "set token_file"),
    (f'[agi]\nallow = ["0.0.0.0/0"]\n{HERE}', '"0.0.0.0/0" lets in'),
    (f'[agi]\nallow = ["127.0.0.0/8", "::/0"]\n{HERE}', '"::/0" lets in'),
    (f'[mqtt]\nenabled = true\nurl = "mqtt://b"\nusername = "u"\npassword = "s"\n{HERE}', "clear"),
    (f'[mqtt]\nenabled = true\nurl = "mqtt://b"\n{HERE}', "tenants' names are sent in clear"),
    (f'{TEST}api_base = "http://203.0.113.9/x"\n{HERE}', "go to http://203.0.113.9/x"),
    (f'{LIVE}api_base = "https://203.0.113.9/x"\n{HERE}', "not to Stripe"),
    (f'{TEST}success_url = "http://shop.example/paid"\n{HERE}', "success_url"),
    (f'[log]\nlevel = "debug"\n{HERE}', "callers and numbers in full"),
    (f'mode = "enforce"\nunknown_tenant = "refuse"\n{HERE}', 'on_deadline = "admit"'),
    (STRICT.format("").replace("refuse", "admit", 1) + HERE, 'unknown_tenant = "admit"'),
    (STRICT.format("") + f'on_malformed = "admit"\n{HERE}', 'on_malformed = "admit"'),
    (f"[emergency]\nnumbers = []\n{HERE}", "no emergency call passes"),
    (f'[emergency]\nnumbers = ["1"]\n{HERE}', '"1" has fewer than three digits'),
    (f'{POSTGRES}db1/b"\n{HERE}', "on the way to db1 can read calls and bills"),
    (f'{POSTGRES}db1,db2/b?sslmode=require"\n{HERE}', "db1 and db2 can read"),
    (f'{POSTGRES}127.0.0.1,db2/b?sslmode=prefer"\n{HERE}', "on the way to db2 can read"),
    ("", "no [[pbx]]"),
]

SAFE = [
    HERE,
    PBX.format(host="localhost"),
    PBX.format(host="::1"),
    PBX.format(host="198.51.100.7") + "tls = true\n",
    f'{OUTSIDE}token = "{TOKEN}"\n{HERE}',
    f'{LIVE}api_base = "http://127.0.0.1:8420"\n{HERE}',
    f'{TEST}api_base = "http://[::1]:8420"\nsuccess_url = "https://shop.example/paid"\n{HERE}',
    f'[mqtt]\nenabled = true\nurl = "mqtts://b"\nusername = "u"\npassword = "s"\n{HERE}',
    STRICT.format("") + HERE,
    f'[agi]\nallow = ["10.0.0.0/8", "127.0.0.0/8"]\n{HERE}',
    f'{POSTGRES}/b"\n{HERE}',
    f'{POSTGRES}127.0.0.1,localhost/b"\n{HERE}',
    f'{POSTGRES}/b?host=/run/postgresql"\n{HERE}',
    f'{POSTGRES}db1/b?sslmode=verify-full"\n{HERE}',
    f'{POSTGRES}db1/b?sslmode=verify-ca&sslrootcert=/etc/ca.pem"\n{HERE}',
]

REFUSED = [
    (f'{LIVE}api_base = "http://203.0.113.9:80/x"\n', "the key is for real money"),
    (f'{TEST}api_base = "file:///etc/passwd"\n', "expected an address of an API"),
    (f'{TEST}api_base = "https://u:p@203.0.113.9/"\n', "expected an address of an API"),
    (f'{TEST}api_base = ""\n', "expected an address of an API"),
    (f'[usage]\ntoken = "{"x" * 15}"\n', "16 or more characters"),
    (f'[usage]\ntoken = "{"x y" * 9}"\n', "16 or more characters"),
    (f'[agi]\ntoken = "{"x" * 15}"\n', "16 to 128 letters"),
    (f'[agi]\ntoken = "{"x" * 16},y"\n', "16 to 128 letters"),
    (f'[agi]\ntoken = "{TOKEN}"\ntoken_file = "hook"\n', "either token_file"),
    (HERE.replace('"u"', '"u\\r\\nAction: x"'), "without line breaks"),
    (HERE.replace('"127.0.0.1"', '"a\\u0000b"'), "without line breaks"),
    (HERE + 'ca_file = "/ca.pem"\n', "ca_file is for TLS"),
    ('[agi]\nlisten = "[::1]:4590"\nallow = ["127.0.0.0/8"]\n', "no network of its family"),
    ('[agi]\nlisten = "127.0.0.1:4590"\nallow = ["::1/128"]\n', "no network of its family"),
    ('[agi]\nlisten = "0.0.0.0:4590"\n', "can be reached from outside"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pbxbilling.toml"
    path.touch(0o600)
    return path


@pytest.mark.parametrize(("text", "said"), DANGERS)
def test_a_danger_is_said_once(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    (warning,) = load(file, {}).warnings()
    assert said in warning


@pytest.mark.parametrize("text", SAFE)
def test_what_is_safe_is_not_mentioned(file: Path, text: str) -> None:
    file.write_text(text)
    assert load(file, {}).warnings() == ()


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_can_never_be_meant_is_refused(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"pbxbilling\.toml:\d+: ") as refused:
        load(file, {})
    assert said in str(refused.value)
    assert TOKEN not in str(refused.value)


SECRET_FILES = [
    (HERE.replace('secret = "s"', 'secret_file = "f"'), "quite-s3cret"),
    (f'[mqtt]\nusername = "u"\npassword_file = "f"\n{HERE}', "quite-s3cret"),
    (f'[usage]\ntoken_file = "f"\n{HERE}', TOKEN),
    (f'[agi]\ntoken_file = "f"\n{HERE}', TOKEN),
    (TEST.replace('secret_key = "sk_test_1"', 'secret_key_file = "f"') + HERE, "sk_test_1"),
    (TEST.replace('secrets = ["whsec_1"]', 'secret_files = ["f"]') + HERE, "whsec_1"),
]


@pytest.mark.parametrize(("text", "secret"), SECRET_FILES)
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o400, ""),
        (0o600, ""),
        (0o640, ""),
        (0o644, "can be read by anybody: `chmod o-r"),
        (0o604, "can be read by anybody"),
        (0o666, "refused"),
        (0o602, "refused"),
    ],
)
def test_a_secret_that_others_can_read_is_said_and_one_that_they_write_is_refused(
    file: Path, text: str, secret: str, mode: int, said: str
) -> None:
    other = file.with_name("f")
    other.write_text(f"{secret}\n")
    other.chmod(mode)
    file.write_text(text)
    if said == "refused":
        with pytest.raises(ConfigError, match="can be written by anybody: `chmod 0400"):
            load(file, {})
        return
    warnings = load(file, {}).warnings()
    assert [said in warning for warning in warnings] == ([True] if said else [])


@pytest.mark.parametrize(("text", "secret"), SECRET_FILES)
@pytest.mark.parametrize("more", ["\nsecond", "\rsecond", "\x00", "\x1b[31m"])
def test_a_secret_is_one_line(file: Path, text: str, secret: str, more: str) -> None:
    other = file.with_name("f")
    other.write_bytes(f"{secret}{more}\n".encode())
    other.chmod(0o600)
    file.write_text(text)
    with pytest.raises(ConfigError, match="more than one line") as refused:
        load(file, {})
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        HERE,
        f'[usage]\ntoken = "{TOKEN}"\n',
        TEST,
        '[mqtt]\nusername = "u"\npassword = "s"\n',
        '[database]\nurl = "postgresql://u:s@/b"\n',
        '[database]\nurl = "postgresql://u@/b"\npassword = "s"\n',
    ],
)
def test_a_file_with_secrets_in_it_is_not_for_everybody(file: Path, text: str) -> None:
    file.write_text(text)
    before = load(file, {}).warnings()
    for mode, said in ((0o644, "can be read by anybody"), (0o646, "can be written by anybody")):
        file.chmod(mode)
        *others, warning = load(file, {}).warnings()
        assert tuple(others) == before
        assert said in warning
    file.chmod(0o640)
    assert load(file, {}).warnings() == before


def test_a_file_without_secrets_may_be_read_by_everybody(file: Path) -> None:
    (file.parent / "f").touch(0o600)
    (file.parent / "f").write_text("s")
    file.write_text(HERE.replace('secret = "s"', 'secret_file = "f"'))
    file.chmod(0o644)
    assert load(file, {}).warnings() == ()
