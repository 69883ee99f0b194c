"""The console's `dialplan show` is read as the files are: steps, labels, hints, includes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.setup.draft.shown import shown_dialplan

SHOWN = """\
[ Context 'inside' created by 'pbx_config' ]
  '101' (CID match '5') => 1. NoOp()                              [extensions.conf:3]
  '101' =>          hint: PJSIP/101&Custom:DND101                 [extensions.conf:4]
  '_X.' =>          1. Set(a=${IF($["${b}" = "]"]?1:2)})          [extensions.conf:5]
     [again]        2. Dial(PJSIP/${EXTEN}@carrier,60,b(x^s^1))   [extensions.conf:6]
                    3. Goto(again)                                [pbx_config]
  Include =>        'night|22:00-6:00'                            [pbx_config]
  Ignore pattern => '9'                                           [pbx_config]
  Alt. Switch =>    'Realtime/x'                                  [pbx_config]

[ Context 'night' created by 'res_parking/default' ]
  's' =>            1. Hangup()                                   [pbx_config]

-= 3 extensions (6 priorities) in 2 contexts. =-
"""


def test_it_is_read() -> None:
    found = shown_dialplan(SHOWN)
    inside = found.contexts["inside"]
    assert [(one.exten, one.priority, one.label, one.application) for one in inside.steps] == [
        ("101", "1", "", "NoOp"),
        ("101", "hint", "", ""),
        ("_X.", "1", "", "Set"),
        ("_X.", "2", "again", "Dial"),
        ("_X.", "3", "", "Goto"),
    ]
    assert inside.steps[1].arguments == "PJSIP/101&Custom:DND101"
    assert inside.steps[2].arguments == 'a=${IF($["${b}" = "]"]?1:2)}'
    assert inside.includes == ["night"]
    assert list(found.contexts["night"].extens()) == ["s"]


@given(st.text())
def test_any_text_is_read_without_a_fault(text: str) -> None:
    shown_dialplan(text)
