from pbxbilling.ami.settings import LinkSettings


def test_the_secret_is_in_no_text_of_the_settings() -> None:
    settings = LinkSettings("pbx1", "127.0.0.1", "pbxbilling", "s3cret")
    assert "s3cret" not in f"{settings} {settings!r}"
