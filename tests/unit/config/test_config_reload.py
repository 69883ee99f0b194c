"""What a reload puts into force, and what waits for a restart."""

from pbxbilling.config.reload import reload_of
from pbxbilling.config.settings import Settings


def settings(text: str = "{}") -> Settings:
    return Settings.model_validate_json(text)


def test_nothing_changed_says_so() -> None:
    assert str(reload_of(settings(), settings())) == "nothing changed"


def test_what_can_change_is_in_force() -> None:
    new = settings('{"mode": "enforce", "agi": {"deadline_ms": 500}}')
    reload = reload_of(settings(), new)
    assert reload.in_force == new
    assert str(reload) == "in force: mode, agi.deadline_ms"


def test_listeners_and_database_keep_their_old_values_until_a_restart() -> None:
    new = settings(
        '{"mode": "log", "database": {"url": "sqlite:////other.db"},'
        '"agi": {"listen": "127.0.0.1:1", "deadline_ms": 500},'
        '"http": {"listen": "127.0.0.1:2", "admin": "/run/other.sock"}}'
    )
    reload = reload_of(settings(), new)
    assert reload.restart == ("database.url", "agi.listen", "http.listen", "http.admin")
    assert reload.changed == ("mode", "agi.deadline_ms")
    assert reload.in_force == settings('{"mode": "log", "agi": {"deadline_ms": 500}}')
    assert "only after a restart: database.url, agi.listen" in str(reload)


def test_another_password_of_the_database_waits_for_a_restart_and_shows_nowhere() -> None:
    one = '{"database": {"url": "postgresql://u@/b", "password": "%s"}}'
    reload = reload_of(settings(one % "first"), settings(one % "second"))
    assert str(reload) == "only after a restart: database.password"
    assert reload.in_force == settings(one % "first")
    moved = '{"database": {"url": "postgresql://u:hush@/b"}}'
    reload = reload_of(settings(), settings(moved))
    assert str(reload) == "only after a restart: database.url"
    assert "hush" not in repr(settings(moved))


def test_the_port_of_0_1_opens_and_closes_at_a_restart_alone() -> None:
    silent, written = settings(), settings('{"agi": {"listen": "127.0.0.1:4590"}}')
    for old, new in ((silent, written), (written, silent)):
        once = reload_of(old, new)
        again = reload_of(once.in_force, new)
        assert str(once) == str(again) == "only after a restart: agi.listen"
        assert once.in_force.agi.takes_old_hooks == old.agi.takes_old_hooks


def test_a_reload_that_leaves_the_listener_alone_keeps_the_port_of_0_1() -> None:
    reload = reload_of(settings(), settings('{"agi": {"deadline_ms": 500}}'))
    assert reload.in_force.agi.takes_old_hooks
    assert str(reload) == "in force: agi.deadline_ms"


def test_a_changed_pbx_shows_no_secret() -> None:
    one = '{"pbx": [{"name": "a", "host": "h", "username": "u", "secret": "%s"}]}'
    reload = reload_of(settings(one % "first"), settings(one % "second"))
    assert str(reload) == "in force: pbx"
    assert reload.in_force.pbx[0].secret.get_secret_value() == "second"
