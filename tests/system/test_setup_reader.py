"""What `pbxbilling setup` reads of a dialplan is what Asterisk itself loads."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxbilling.setup.conf.reader import read
from pbxbilling.setup.pbx.dialplan import HINT, dialplan_of
from pbxbilling.setup.pbx.grammar import meant
from rig import provision
from rig.asterisk import Asterisk
from tests.support.setup.plain import PlainSite, unhooked

pytestmark = pytest.mark.asterisk

_CONTEXT = re.compile(r"\[ Context '(.*)' created by 'pbx_config' \]")
_EXTEN = re.compile(r"  '(.*?)'(?: \(CID match '(.*?)'\))? => +(.*)")
_STEP = re.compile(r"(?:\[(.*?)\] +)?(?:(hint): |(\d+)\. )(.*?) +\[[^\[\]]*:\d+\]$")
_OF_CONTEXTS = re.compile(r"  (Include|Alt\. Switch) => +'(.*)' +\[pbx_config\]")

FILES = ("extensions.conf", "one.conf", "two.conf", "many.d/a.conf", "many.d/b.conf")
_HEADINGS = (
    *("[a]", "[b]", "[a](+)", "[b](+)", "[t](!)", "[c](t)", "[a](t,b)", "[d](!,t)", "[b](+,t)"),
    *("[A](+)", "[ a ]", "[a] (t)", "[e](t)x", "[c](a)", "[globals]", "[GLOBALS](+)"),
)
_INCLUDES = (
    *('#include "one.conf"', "#include <two.conf>", "#include two.conf", "#INCLUDE one.conf"),
    *('#include "many.d/*.conf"', "#include many.d/{b,a}.conf", '#tryinclude "nope.conf"'),
)
_FAULTS = (
    *('#include"one.conf"', "# include one.conf", '#include "one.conf', "#include", "#tell one"),
    *("#include nope.conf", '#include "many.d/*.none"', "#include many.d", "[b](nobody)", "[x"),
)
_LINES = (
    *("exten => 100,1,NoOp(one)", "exten=>100,n,NoOp(two)", "exten = 100 , n , NoOp( three )"),
    *("same => n,Dial(PJSIP/${EXTEN}@carrier,60)", " same=>n(over),Hangup()", "same => n+101,Busy"),
    *("exten => 100,5(far),NoOp()", "exten => 100,far,NoOp()", "exten => 100,over+2,NoOp(x)"),
    *("exten => _[1-3,5]X.,1,NoOp(a,b)", "exten => _9X./55-5,1,NoOp", "exten => _9X.,n,NoOp(c)"),
    *("exten => 5-5 5,1,NoOp()", "exten => 555,2,NoOp()", "exten => _X-[a-b],1,NoOp()"),
    *("exten => 200,hint,PJSIP/a", "exten => _201,hint,DAHDI/g0/${X}", "same => hint,PJSIP/b"),
    *("exten => 300,1,Set(x=1\\;2)", "exten => 300,n,NoOp(a)) b", "exten => 300,n,NoOp(a"),
    *("exten => ${D}1,1,NoOp()", "exten => ${NONE}4${D},1,NoOp()", "exten => 400,1,Dial,PJSIP/a"),
    *("exten => 400,s,NoOp()", "exten => 400,next,NoOp()", "exten => 400,0,NoOp()", "exten => 4"),
    *("exten => 400,n(x),Dial (PJSIP/a)", "EXTEN => 400,n,NoOp()", "SAMEt => n,NoOp(y)"),
    *(
        "include => b",
        "include => b,09:00-17:00,mon-fri,*,*",
        "include => c|*|*|*|*",
        "include=>${D}",
    ),
    *("switch => Realtime/x@y", "ignorepat => 9", "D=77", "D => 7${D}", "D+=8", "exten += ,z"),
    *("\\exten => 600,1,NoOp()", "=> 1", "nothing", "exten => ,1,NoOp()", "exten => 700,n(a,b)"),
    *(";-- hidden", "--;", "; plain ;-- not", "a ;-- b --; = c", ";---- rule ----;", "x=1 --; y"),
    *("exten => 800,1,NoOp(a);c", "exten => 800,n,NoOp(;-- b --;c)", ";-- a ;-- b --; c --;", ""),
    *("exten => 900,1,NoOp(\u00a0)", "\texten\t=>\t901,1,NoOp()\t", "exten => 902,1,NoOp()\r"),
)
_lines = st.sampled_from(_LINES)
_file = st.lists(
    st.one_of(
        *(_lines, _lines, _lines, st.sampled_from(_HEADINGS), st.sampled_from(_INCLUDES)),
        st.sampled_from((*_LINES, *_FAULTS)),
    ),
    min_size=1,
    max_size=14,
)


@dataclass
class Loaded:
    """A dialplan as `dialplan show` prints it: contexts with their steps, includes and switches."""

    steps: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)

    def said(self) -> dict[str, object]:
        """Return what each context has; Asterisk keeps empty ones of an earlier load."""
        both = {context: (self.steps[context], self.others[context]) for context in self.steps}
        return {context: has for context, has in both.items() if has != (set(), [])}

    def hide_first_labels(self) -> None:
        """Leave out the label of each extension's first step, which Asterisk does not print."""
        for context, steps in self.steps.items():
            first: dict[tuple[str, ...], int] = {}
            for *exten, number, _, _ in steps:
                value = HINT if number == "hint" else int(number)
                first[*exten,] = min(value, first.get((*exten,), value))
            self.steps[context] = {
                (*exten, number, "" if number in {"hint", str(first[*exten,])} else label, called)
                for *exten, number, label, called in steps
            }


def shown(text: str) -> Loaded:
    """Return what Asterisk says that it has loaded from extensions.conf."""
    loaded = Loaded()
    context, exten = None, ("", "")
    for line in text.splitlines():
        if line.startswith("["):
            found = _CONTEXT.match(line)
            context = found[1] if found else None
            if context is not None:
                loaded.steps[context], loaded.others[context] = set(), []
        elif context is None:
            continue
        elif other := _OF_CONTEXTS.match(line):
            name = other[2].replace("|", ",").partition(",")[0]
            loaded.others[context] += [name] * (name not in loaded.others[context])
        else:
            if first := _EXTEN.match(line):
                exten = (meant(first[1]), first[2] or "")
            if step := _STEP.match(first[3] if first else line.strip()):
                label, hint, number, called = step.groups()
                loaded.steps[context].add((*exten, hint or number, label or "", called))
    loaded.hide_first_labels()
    return loaded


def understood(etc: Path) -> Loaded | None:
    """Return what the reader makes of it; None where it says that Asterisk refuses the file."""
    conf = read(etc, "extensions.conf")
    if any("Asterisk takes nothing" in one for one in conf.refused):
        return None
    loaded = Loaded()
    for context in dialplan_of(conf).contexts.values():
        loaded.steps[context.name] = {
            (
                *(
                    meant(step.exten),
                    step.caller or "",
                    "hint" if step.number == HINT else str(step.number),
                ),
                step.label,
                step.application
                if step.number == HINT
                else f"{step.application}({step.arguments})",
            )
            for step in context.steps
        }
        others = [*context.includes, *(line.value for line in context.switches)]
        loaded.others[context.name] = list(dict.fromkeys(others))
    loaded.hide_first_labels()
    return loaded


@pytest.fixture
def loading(each_asterisk: Asterisk) -> Iterator[Asterisk]:
    """Yield an Asterisk whose dialplan may be replaced."""
    main = each_asterisk.directory / "etc/extensions.conf"
    before = main.read_bytes()
    yield each_asterisk
    main.write_bytes(before)
    each_asterisk.rx("dialplan reload")


def compare(asterisk: Asterisk, files: dict[str, str]) -> None:
    """Load these files into Asterisk, and compare."""
    etc = asterisk.directory / "etc"
    (etc / "extensions.conf").write_text("[empty]\n")
    asterisk.rx("dialplan reload")
    for name, text in files.items():
        path = etc / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    asterisk.rx("dialplan reload")
    real = shown(asterisk.rx("dialplan show"))
    ours = understood(etc)
    if ours is None:
        assert real.said() == {}
        return
    assert ours.said() == real.said()


@pytest.mark.parametrize("release", [provision.ASTERISK_22, provision.ASTERISK_16], ids=str)
def test_debians_own_files_are_set_up_once(release: provision.Release, tmp_path: Path) -> None:
    try:
        samples = provision.chroot(release) / "etc/asterisk"
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {release.major}: {reason}")
    shutil.copytree(samples, tmp_path / "asterisk")
    site = PlainSite(tmp_path / "asterisk")
    before = site.extens()
    planned = site.set_up()
    assert not [one for one in planned.by_hand if "no password" in one]
    assert {exten: unhooked(steps) for exten, steps in site.extens().items()} == before
    assert [change.shown() for change in site.plan().changes] == []
    assert read(site.etc, "manager.conf").get("pbxbilling", "secret")
    assert read(site.etc, "cel.conf").get("general", "dateformat") == "%s.%6q"
    for name in ("extensions.conf", "manager.conf", "cel.conf", "cel_custom.conf", "modules.conf"):
        assert read(site.etc, name).refused == []


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.tuples(*[_file for _ in FILES]))
def test_the_reader_says_what_asterisk_loads(
    loading: Asterisk, files: tuple[list[str], ...]
) -> None:
    head = "[general]\nclearglobalvars = yes\n[globals]\nD=55\n[a]\n"
    texts = ["\n".join(lines) for lines in files]
    compare(loading, dict(zip(FILES, [f"{head}{texts[0]}", *texts[1:]], strict=True)))
