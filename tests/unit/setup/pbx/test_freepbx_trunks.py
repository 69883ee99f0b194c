"""FreePBX names its trunks in the dialplan's globals."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.setup.pbx.freepbx_trunks import trunks_of, unnamed_trunks

TRUNKS = {
    "OUT_1 = PJSIP\nOUT_1_SUFFIX = @carrier": ["PJSIP/carrier"],
    "OUT_1 = SIP/carrier": ["SIP/carrier"],
    "OUT_1 = IAX2/carrier": ["IAX2/carrier"],
    "OUT_1 = AMP:SIP/$OUTNUM$@carrier": ["SIP/carrier"],
    "OUT_1 = AMP:PJSIP/$OUTNUM$@carrier/extra": ["PJSIP/carrier"],
    "OUT_1 = AMP:SIP/carrier/$OUTNUM$": ["SIP/carrier"],
    "OUT_1 = AMP:Local/$OUTNUM$@elsewhere": [],
    "OUT_1 = DAHDI/g0": [],
    "OUT_1 = ": [],
    "OUTPREFIX_1 = 9\nOUTDISABLE_1 = on": [],
    "OUT_2 = PJSIP\nOUT_2_SUFFIX = @b\nOUT_1 = PJSIP\nOUT_1_SUFFIX = @a": ["PJSIP/a", "PJSIP/b"],
    "OUT_2 = PJSIP\nOUT_2_SUFFIX = @a\nOUT_1 = PJSIP\nOUT_1_SUFFIX = @a": ["PJSIP/a"],
}


def write(folder: Path, text: str) -> None:
    (folder / "extensions.conf").write_text("#include extensions_additional.conf\n")
    (folder / "extensions_additional.conf").write_text(f"[globals]\n{text}\n\n[a]\n")


@pytest.mark.parametrize("text", TRUNKS)
def test_trunks_are_named_as_the_configuration_names_them(text: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    assert trunks_of(tmp_path) == TRUNKS[text]


def test_trunks_whose_channels_have_another_name_are_left_to_a_person(tmp_path: Path) -> None:
    write(tmp_path, "OUT_1 = DAHDI/g0\nOUT_2 = SIP/carrier")
    assert unnamed_trunks(tmp_path) == ["OUT_1 = DAHDI/g0"]
