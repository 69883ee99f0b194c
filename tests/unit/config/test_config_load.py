"""What a configuration file may contain, and the messages for a wrong one."""

import json
from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from pbxbilling.calls.admission.decision import COUNTED_REASONS
from pbxbilling.config import load
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.sections import RefusalSettings
from pbxbilling.config.settings import Settings
from pbxbilling.kernel.codes import Direction, Mode, Reason
from tests.support.store.database import sqlite_path

Write = Callable[[str], Path]

PBX = """
[[pbx]]
name = "pbx1"
host = "127.0.0.1"
username = "pbxbilling"
secret_file = "ami.secret"
trunks = ["PJSIP/carrier", "PJSIP/out-*"]
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    (tmp_path / "ami.secret").touch(0o600)
    (tmp_path / "ami.secret").write_text("s3cr3t-word\n")

    def _write(text: str) -> Path:
        path = tmp_path / "pbxbilling.toml"
        path.touch(0o600)
        path.write_text(text)
        return path

    return _write


def faults(path: Path, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, env or {})
    return [str(fault).replace(str(path), "FILE") for fault in caught.value.faults]


def test_an_empty_file_is_the_documented_defaults(write: Write) -> None:
    settings = load(write(""), {})
    assert settings.mode is Mode.OFF
    assert settings.unknown_tenant == "admit"
    assert sqlite_path(settings) == Path("/var/lib/pbxbilling/pbxbilling.db")
    assert settings.agi.address == ("127.0.0.1", 4590)
    assert settings.agi.takes_old_hooks
    assert (settings.agi.deadline_ms, settings.agi.on_deadline) == (300, "admit")
    assert settings.agi.on_malformed == "refuse"
    assert settings.emergency.directions == (Direction.OUTBOUND,)
    assert settings.http.address == ("127.0.0.1", 8080)
    assert settings.billing.daily_check == time(1, 0)


def test_an_address_out_of_the_environment_is_written_too(write: Write) -> None:
    env = {"PBXBILLING_AGI__LISTEN": "127.0.0.1:4590"}
    assert not load(write("[agi]\ndeadline_ms = 500"), env).agi.takes_old_hooks
    assert load(write("[agi]\ndeadline_ms = 500"), {}).agi.takes_old_hooks


def test_the_secret_file_is_read_beside_the_file_without_its_newline(write: Write) -> None:
    pbx = load(write(PBX), {}).pbx[0]
    assert pbx.secret.get_secret_value() == "s3cr3t-word"
    assert (pbx.port, pbx.trunks) == (5038, ("PJSIP/carrier", "PJSIP/out-*"))


def test_a_credential_of_systemd_goes_before_the_file_beside(write: Write, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "ami.secret").write_text("from systemd")
    settings = load(write(PBX), {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert settings.pbx[0].secret.get_secret_value() == "from systemd"


def test_a_secret_never_shows(write: Write) -> None:
    settings = load(write(PBX), {})
    assert "s3cr3t" not in repr(settings)
    assert "s3cr3t" not in settings.model_dump_json()


def test_the_policy_is_what_calls_are_judged_by(write: Write) -> None:
    text = """
    mode = "enforce"
    unknown_tenant = "refuse"
    [agi]
    on_deadline = "refuse"
    on_malformed = "admit"
    [refusal]
    cause = 17
    suspended = 21
    malformed = 34
    [emergency]
    numbers = ["112"]
    prefixes = ["0"]
    directions = ["outbound", "internal"]
    [billing]
    timezone = "Europe/Berlin"
    grace_days = 3
    """
    policy = load(write(text), {}).policy()
    assert policy.mode is Mode.ENFORCE
    assert policy.refuse_unknown_tenant
    assert policy.refuse_on_deadline
    assert policy.cause_for(Reason.SUSPENDED) == 21
    assert policy.cause_for(Reason.MAX_CALLS) == 17
    assert policy.cause_for(Reason.MALFORMED) == 34
    assert not policy.refuse_on_malformed
    assert "0112" in policy.emergency
    assert policy.is_emergency("0112", Direction.INTERNAL)
    assert not policy.is_emergency("0112", Direction.INBOUND)
    assert (policy.timezone, policy.grace_days) == ("Europe/Berlin", 3)


def test_every_reason_that_can_refuse_may_have_a_cause_of_its_own() -> None:
    never = {Reason.OK, Reason.EMERGENCY, Reason.FALLBACK, Reason.UNRECONCILED}
    assert set(RefusalSettings.model_fields) - {"cause"} == {*Reason} - never
    assert never.isdisjoint(COUNTED_REASONS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('mode = "enforced"', 'FILE:1: mode: expected "off", "log" or "enforce", got "enforced"'),
        ("\nmood = 1", 'FILE:2: mood: unknown key; did you mean "mode"?'),
        (
            "[agi]\ndeadline_ms = 'fast'",
            'FILE:2: agi.deadline_ms: expected a whole number, got "fast"',
        ),
        ("[agi]\ndeadline_ms = true", "FILE:2: agi.deadline_ms: expected a whole number, got true"),
        (
            "[agi]\n\ndeadline_ms = 1",
            "FILE:3: agi.deadline_ms: expected greater than or equal to 10, got 1",
        ),
        (
            "agi.dead_line_ms = 1",
            'FILE:1: agi.dead_line_ms: unknown key; did you mean "deadline_ms"?',
        ),
        (
            '[[pbx]]\nname = "a"\nhost = "h"\nusername = "u"\nsecret = "s"\ntrunk = "t"',
            'FILE:6: pbx[0].trunk: unknown key; did you mean "trunks"?',
        ),
        ("agi = 3", "FILE:1: agi: expected a table, got 3"),
        (
            '[agi]\nallow = ["127.0.0.0/8",\n "ten"]',
            'FILE:2: agi.allow[1]: expected a network, as "192.0.2.0/24", got "ten"',
        ),
        (
            '[agi]\nlisten = "4590"',
            'FILE:2: agi.listen: expected "host:port", as "127.0.0.1:4590" or "[::1]:4590"',
        ),
        (
            '[billing]\ntimezone = "Europe/Bonn"',
            'FILE:2: billing.timezone: expected an IANA time zone, as "Europe/Berlin" or "UTC"',
        ),
        (
            '[billing]\ndaily_check = "1 am"',
            'FILE:2: billing.daily_check: expected a time of day, as "01:00", got "1 am"',
        ),
        (
            '[database]\nurl = "mysql://u:pass@h/d"',
            (
                'FILE:2: database.url: expected "sqlite:////absolute/path.db" or'
                ' "postgresql+asyncpg://USER@HOST:5432/DATABASE"'
            ),
        ),
        (
            "[refusal]\nsuspend = 21",
            'FILE:2: refusal.suspend: unknown key; did you mean "suspended"?',
        ),
        (
            "[stripe]\nsecret_key = 5",
            'FILE:2: stripe.secret_key: expected a string in quotes, as "…"',
        ),
        (
            '[mqtt]\nurl = "mqtt://u:secret@broker"',
            (
                'FILE:2: mqtt.url: expected "mqtt://host" or "mqtts://host", with ":port" unless'
                " it is the default; username and password have their own keys"
            ),
        ),
        (
            '[mqtt]\nusername = "u"\npassword = "s3cr3t"\npassword_file = "ami.secret"',
            'FILE:1: mqtt: expected either password_file = "FILE" or password = "…"',
        ),
        ('[mqtt]\npassword = "s3cr3t"', 'FILE:1: mqtt: a password needs username = "…"'),
        (
            '[mqtt]\nca_file = "/etc/ca.pem"',
            'FILE:1: mqtt: ca_file is for TLS: expected url = "mqtts://…"',
        ),
        (
            "[log]\nlevel = 3",
            'FILE:2: log.level: expected "debug", "info", "warning" or "error", got 3',
        ),
        (
            "[emergency]\nnumbers = ['1 1 2']",
            'FILE:2: emergency.numbers[0]: expected digits, *, # and +, got "1 1 2"',
        ),
    ],
)
def test_a_fault_names_file_line_key_and_what_was_expected(
    write: Write, text: str, fault: str
) -> None:
    assert faults(write(text)) == [fault]


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://broker.example", "broker.example", 1883, False),
        ("mqtts://192.0.2.1", "192.0.2.1", 8883, True),
        ("mqtts://[2001:db8::1]", "2001:db8::1", 8883, True),
        ("mqtt://[::1]:1884", "::1", 1884, False),
    ],
)
def test_a_broker_has_the_port_of_its_scheme_unless_it_names_one(
    write: Write, url: str, host: str, port: int, *, tls: bool
) -> None:
    broker = load(write(f'[mqtt]\nurl = "{url}"'), {}).mqtt.broker
    assert (broker.address, broker.tls) == ((host, port), tls)


@pytest.mark.parametrize(
    "url", ["broker", "http://broker", "mqtt://", "mqtt://b/x", "mqtt://b:x", "mqtt://b:99999"]
)
def test_what_is_no_address_of_a_broker_is_a_fault(write: Write, url: str) -> None:
    (fault,) = faults(write(f'[mqtt]\nurl = "{url}"'))
    assert fault.startswith("FILE:2: mqtt.url: expected")


def test_the_brokers_password_is_read_and_never_shows(write: Write) -> None:
    text = '[mqtt]\nusername = "u"\npassword_file = "ami.secret"'
    settings = load(write(text), {})
    assert settings.mqtt.password.get_secret_value() == "s3cr3t-word"
    assert "s3cr3t" not in repr(settings)
    (fault,) = faults(write(text.replace("ami.secret", "missing")))
    assert fault.startswith("FILE:3: mqtt.password_file: secret file")


@pytest.mark.parametrize(
    ("url", "warned"),
    [("mqtt://broker", True), ("mqtts://broker", False), ("mqtt://127.0.0.1", False)],
)
def test_a_password_that_leaves_the_machine_in_clear_is_warned_about(
    write: Write, url: str, *, warned: bool
) -> None:
    text = f'[mqtt]\nenabled = true\nurl = "{url}"\nusername = "u"\npassword = "s"\n'
    warnings = load(write(text + PBX), {}).warnings()
    assert ["in clear" in warning for warning in warnings] == ([True] if warned else [])


def test_all_faults_are_reported_together_in_the_order_of_the_file(write: Write) -> None:
    text = """mode = "on"
[agi]
deadline_ms = "soon"
[[pbx]]
name = "pbx1"
host = "127.0.0.1"
username = "u"
secret_file = "missing.secret"
[[pbx]]
name = "pbx2"
host = "127.0.0.1"
port = 99999
secret = "x"
"""
    found = faults(write(text))
    assert [fault.split(": ")[:2] for fault in found] == [
        ["FILE:1", "mode"],
        ["FILE:3", "agi.deadline_ms"],
        ["FILE:8", "pbx[0].secret_file"],
        ["FILE:9", "pbx[1].username"],
        ["FILE:12", "pbx[1].port"],
    ]
    assert "does not exist: create it" in found[2]
    assert "required" in found[3]


def test_a_pbx_has_exactly_one_secret(write: Write) -> None:
    both = PBX + 'secret = "s3cr3t"\n'
    neither = PBX.replace('secret_file = "ami.secret"', "")
    for text in (both, neither):
        assert faults(write(text)) == [
            'FILE:2: pbx[0]: expected either secret_file = "FILE" or secret = "…"'
        ]


def test_a_wrong_secret_is_not_repeated(write: Write) -> None:
    text = PBX.replace('secret_file = "ami.secret"', "secret = 123456")
    assert faults(write(text)) == ['FILE:6: pbx[0].secret: expected a string in quotes, as "…"']


@pytest.mark.parametrize(
    "text",
    [
        "[mqtt]\npassword = 123456",
        "[usage]\ntoken = 123456",
        "[stripe]\nsecret_key = 123456",
        "[stripe]\nwebhook_secrets = [123456]",
    ],
)
def test_no_secret_of_any_section_is_repeated(write: Write, text: str) -> None:
    (fault,) = faults(write(text))
    assert "expected a string in quotes" in fault
    assert "123456" not in fault


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://u:hush@h/d"],
)
def test_a_url_of_no_database_says_what_to_write_and_no_secret(write: Write, url: str) -> None:
    (fault,) = faults(write(f'[database]\nurl = "{url}"'))
    assert 'expected "sqlite:////absolute/path.db"' in fault
    assert "hush" not in fault


def test_an_empty_or_binary_secret_file_is_named(write: Write, tmp_path: Path) -> None:
    for content, said in ((b"\n", "is empty"), (b"\xff", "is not UTF-8")):
        (tmp_path / "ami.secret").write_bytes(content)
        (fault,) = faults(write(PBX))
        assert str(tmp_path / "ami.secret") in fault
        assert said in fault


def test_two_pbxes_of_one_name_are_a_fault(write: Write) -> None:
    (fault,) = faults(write(PBX + PBX))
    assert "used twice: pbx1" in fault


def test_a_listener_that_is_reachable_from_outside_needs_an_explicit_allow(write: Write) -> None:
    (fault,) = faults(write('[agi]\nlisten = "0.0.0.0:4590"'))
    assert "list the PBXes that may connect" in fault
    text = '[agi]\nlisten = "0.0.0.0:4590"\nallow = ["192.0.2.0/24"]'
    assert load(write(text), {}).agi.address.host == "0.0.0.0"
    assert load(write('[agi]\nlisten = "[::1]:4590"'), {}).agi.address == ("::1", 4590)


def test_a_missing_file_and_broken_toml_say_where(tmp_path: Path, write: Write) -> None:
    assert "no such file: name another" in faults(tmp_path / "none.toml")[0]
    assert faults(write('mode = "off"\nagi = [\n'))[0].startswith("FILE:3: not TOML")
    path = write("")
    path.write_bytes(b"mode = '\xff'")
    assert "byte 8 is not UTF-8" in faults(path)[0]


def test_the_environment_goes_before_the_file(write: Write) -> None:
    env = {
        "PBXBILLING_MODE": "enforce",
        "PBXBILLING_DATABASE__URL": "sqlite:////tmp/other.db",
        "PBXBILLING_AGI__DEADLINE_MS": "500",
        "PBXBILLING_AGI__ALLOW": '["192.0.2.1/32"]',
        "PBXBILLING_DECISIONS__ADMISSIONS": "true",
        "PBXBILLING_REFUSAL__SUSPENDED": "21",
        "PBXBILLING_PBX": json.dumps(
            [{"name": "other", "host": "192.0.2.1", "username": "u", "secret": "s"}]
        ),
        "PBXBILLING_CONFIG": "/etc/pbxbilling/pbxbilling.toml",
        "PBXBILLING_RIG_CACHE": "/var/cache/site",
    }
    settings = load(write('mode = "log"\n[agi]\non_deadline = "refuse"' + PBX), env)
    assert settings.mode is Mode.ENFORCE
    assert sqlite_path(settings) == Path("/tmp/other.db")
    assert (settings.agi.deadline_ms, settings.agi.on_deadline) == (500, "refuse")
    assert [str(network) for network in settings.agi.allow] == ["192.0.2.1/32"]
    assert settings.decisions.admissions
    assert settings.refusal.suspended == 21
    assert [pbx.name for pbx in settings.pbx] == ["other"]


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("MODE", "on", ': mode: expected "off", "log" or "enforce", got "on"'),
        ("AGI__DEADLINE_MS", "soon", ': agi.deadline_ms: expected a whole number, got "soon"'),
        ("AGI__DEADLINEMS", "1", ': agi.deadlinems: unknown key; did you mean "deadline_ms"?'),
        ("PBX", "[{", ": expected JSON, as '[…]'"),
        ("PBX", '[{"name": 3}]', ": pbx[0].host: required, but not given"),
        ("MOED", "off", ": sets no key; did you mean PBXBILLING_MODE…?"),
    ],
)
def test_a_fault_in_the_environment_names_the_variable(
    write: Write, name: str, value: str, fault: str
) -> None:
    assert f"environment variable PBXBILLING_{name}{fault}" in faults(
        write(""), {f"PBXBILLING_{name}": value}
    )


SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("AGI__TOKEN", SECRET, ""),
        ("USAGE__TOKEN", SECRET, ""),
        ("DATABASE__PASSWORD", SECRET, "[database]\nurl = 'postgresql://u@/b'"),
        ("MQTT__PASSWORD", SECRET, "[mqtt]\nusername = 'u'"),
        ("STRIPE__SECRET_KEY", f"sk_{SECRET}", ""),
        ("STRIPE__WEBHOOK_SECRETS", f'["whsec_{SECRET}"]', ""),
        ("PBX", f'[{{"name": "a", "host": "h", "username": "u", "secret": "{SECRET}"}}]', ""),
    ],
)
def test_a_secret_from_the_environment_is_the_secret(
    write: Write, name: str, value: str, text: str
) -> None:
    settings = load(write(text), {f"PBXBILLING_{name}": value})
    stripe = settings.stripe
    found = [settings.agi.token, settings.usage.token, settings.mqtt.password, stripe.secret_key]
    found.append(settings.database.password)
    found += [*stripe.webhook_secrets, *(pbx.secret for pbx in settings.pbx)]
    (secret,) = filter(None, (one.get_secret_value() for one in found))
    assert secret.endswith(SECRET)
    assert SECRET not in repr(settings)


def test_a_pbx_without_trunks_and_a_file_without_pbx_are_warned_about(write: Write) -> None:
    assert load(write(PBX), {}).warnings() == ()
    (warning,) = load(write(PBX.replace("trunks", "#")), {}).warnings()
    assert "pbx1: no trunks" in warning
    assert "no [[pbx]]" in Settings().warnings()[0]


@pytest.mark.parametrize(
    "key", ["PJSIP/carrier", "PJSIP/out-*", "PJSIP/out-1", "PJSIP/*", "PJSIP/carrie?", "*"]
)
def test_a_trunk_with_a_capacity_is_one_of_trunks_or_matches_one(write: Write, key: str) -> None:
    settings = load(write(f'{PBX}trunk_channels = {{ "{key}" = 30 }}\n'), {})
    assert settings.pbx[0].trunk_channels == {key: 30}


def test_a_capacity_of_no_trunk_is_a_fault_that_names_the_trunks(write: Write) -> None:
    (fault,) = faults(write(f'{PBX}trunk_channels = {{ "PJSIP/carier" = 30 }}\n'))
    assert fault == (
        'FILE:8: pbx[0].trunk_channels: "PJSIP/carier" is no trunk of this PBX: expected an entry'
        ' of trunks ("PJSIP/carrier", "PJSIP/out-*"), or an endpoint that one of them matches; or'
        " add it to trunks"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "greater than or equal to 1, got 0"),
        ('"30"', 'a whole number, got "30"'),
        ("true", "a whole number, got true"),
    ],
)
def test_a_capacity_is_a_whole_number_of_one_or_more(
    write: Write, value: str, expected: str
) -> None:
    (fault,) = faults(write(f'{PBX}trunk_channels = {{ "PJSIP/carrier" = {value} }}\n'))
    assert fault == f"FILE:8: pbx[0].trunk_channels.PJSIP/carrier: expected {expected}"


def test_a_capacity_without_a_table_or_without_trunks_is_a_fault(write: Write) -> None:
    (found,) = faults(write(f"{PBX}trunk_channels = 30\n"))
    assert found == 'FILE:8: pbx[0].trunk_channels: expected a table, as { "…" = … }, got 30'
    no_trunks = PBX.replace("trunks", "# trunks")
    (found,) = faults(write(f'{no_trunks}trunk_channels = {{ "PJSIP/carrier" = 30 }}\n'))
    assert "expected an entry of trunks (none)" in found
    wrong = PBX.replace('trunks = ["PJSIP/carrier", "PJSIP/out-*"]', "trunks = 3")
    (found,) = faults(write(f'{wrong}trunk_channels = {{ "PJSIP/carrier" = 30 }}\n'))
    assert found.startswith("FILE:7: pbx[0].trunks: expected a list")


@pytest.mark.parametrize(
    ("emergency", "warned"),
    [
        ('numbers = ["112", "911"]', ""),
        ('numbers = ["112", "0"]', '"0" has fewer than three digits'),
        ('numbers = ["1#*+1"]', "fewer than three digits"),
        ("numbers = []", "no emergency call passes"),
        ("directions = []", "no emergency call passes"),
    ],
)
def test_an_emergency_number_that_cannot_be_meant_is_warned_about(
    write: Write, emergency: str, warned: str
) -> None:
    warnings = load(write(f"[emergency]\n{emergency}\n{PBX}"), {}).warnings()
    assert [warned in warning for warning in warnings] == ([True] if warned else [])


def test_stripe_reads_its_secrets_only_where_it_is_enabled(write: Write) -> None:
    off = write("[stripe]\nenabled = false")
    assert load(off, {}).stripe.secret_key.get_secret_value() == ""
    on = write("[stripe]\nenabled = true\nwebhook_secret_files = ['new', 'old']")
    (on.parent / "stripe.key").write_text("sk_test_1\n")
    (on.parent / "new").write_text("whsec_1")
    (on.parent / "old").write_text("whsec_2")
    stripe = load(on, {}).stripe
    assert stripe.secret_key.get_secret_value() == "sk_test_1"
    assert [secret.get_secret_value() for secret in stripe.webhook_secrets] == [
        "whsec_1",
        "whsec_2",
    ]
    assert "test_1" not in repr(stripe)


def test_a_secret_of_stripe_in_the_wrong_file_is_named_and_not_shown(write: Write) -> None:
    on = write("[stripe]\nenabled = true")
    (on.parent / "stripe.key").write_text("pk_test_1")
    (on.parent / "stripe.webhook").write_text("sk_test_1")
    key, webhook = faults(on)
    assert "stripe.secret_key_file: the secret does not begin with sk_… or rk_…" in key
    assert "stripe.webhook_secret_files[0]: the secret does not begin with whsec_…" in webhook
    assert "test_1" not in key + webhook
