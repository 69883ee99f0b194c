"""The program's own umask: what it writes is for its user alone, whatever the shell has."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from rig.waiting import patience_s

LOOSE = 0o000


def run(tmp_path: Path, *words: str) -> None:
    command = [sys.executable, "-m", "pbxbilling.cli.main", *words]
    environment = {**os.environ, "PBXBILLING_CONFIG": str(tmp_path / "pbxbilling.toml")}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        timeout=patience_s(120),
        umask=LOOSE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_no_file_of_ours_is_for_others(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    (tmp_path / "pbxbilling.toml").write_text(
        f'[database]\nurl = "sqlite:///{data}/pbxbilling.db"\n[http]\nadmin = "{data}/admin.sock"\n'
    )
    (tmp_path / "accounts.toml").write_text('[plan.p]\nprice = "1.00"\n[tenant.t]\nplan = "p"\n')
    run(tmp_path, "apply", str(tmp_path / "accounts.toml"))
    run(tmp_path, "statement", "preview", "t", "--pdf", str(out / "preview.pdf"))
    run(tmp_path, "tenants", "export", str(out / "tenants.csv"))
    run(tmp_path, "backup", str(out / "backup.db"))
    modes = {
        file.name: oct(stat.S_IMODE(file.stat().st_mode))
        for folder in (data, out)
        for file in folder.iterdir()
    }
    assert {"pbxbilling.db", "preview.pdf", "tenants.csv", "backup.db"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode != "0o600"} == {}
