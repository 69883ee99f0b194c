"""The line of a key in a TOML text."""

from pbxbilling.config.lines import key_lines, line_of

TEXT = '''# a comment = 1
mode = "off"   # [not] a table
agi.deadline_ms = 300

[database]
url = """
first = 1
[second]
"""
after = '[x]'

[[pbx]]
name = "a"
trunks = [
  "one",  # ] not the end
  "two]",
]
port = 1
[pbx.extra]
deep = { inline = 1, other = [2,
 3] }

[[ pbx ]]
"name" = 'b'
'''


def test_every_key_and_table_has_its_line() -> None:
    assert key_lines(TEXT) == {
        ("mode",): 2,
        ("agi", "deadline_ms"): 3,
        ("database",): 5,
        ("database", "url"): 6,
        ("database", "after"): 10,
        ("pbx",): 12,
        ("pbx", 0): 12,
        ("pbx", 0, "name"): 13,
        ("pbx", 0, "trunks"): 14,
        ("pbx", 0, "port"): 18,
        ("pbx", 0, "extra"): 19,
        ("pbx", 0, "extra", "deep"): 20,
        ("pbx", 1): 23,
        ("pbx", 1, "name"): 24,
    }


def test_a_key_that_is_not_written_is_sought_at_its_table() -> None:
    lines = key_lines(TEXT)
    assert line_of(("pbx", 0, "host"), lines) == 12
    assert line_of(("pbx", 0, "extra", "deep", "inline"), lines) == 20
    assert line_of(("http", "listen"), lines) is None
