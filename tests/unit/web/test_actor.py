from pbxbilling.web.actor import actor

NOBODY = 65534


def test_a_user_goes_by_its_name() -> None:
    assert (actor(0), actor(NOBODY)) == ("root", "nobody")


def test_a_user_without_a_name_goes_by_its_number() -> None:
    assert actor(3_999_999_999) == "uid 3999999999"


def test_root_may_say_for_whom_it_acts() -> None:
    assert actor(0, "daemon") == "root (daemon)"


def test_nobody_else_may() -> None:
    assert actor(NOBODY, "daemon") == "nobody"


def test_a_user_whom_the_machine_does_not_know_is_not_written_down() -> None:
    assert actor(0, "alice\nroot") == "root"
