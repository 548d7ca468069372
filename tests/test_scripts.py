"""Shell scripts: their linter finds nothing, and `--help` of those that have one teaches."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.relative_to(ROOT) for folder in ("scripts", "examples") for path in (ROOT / folder).rglob("*.sh"))
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
"""Beside this Python, whose environment need not be activated."""


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_shellcheck_finds_nothing(script: Path) -> None:
    command = [SHELLCHECK, "--external-sources", "--source-path=SCRIPTDIR", f"--source-path={ROOT}", str(script)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_shellcheck_finds_a_slip(tmp_path: Path) -> None:
    script = tmp_path / "slip.sh"
    script.write_text('#!/usr/bin/env bash\nset -eu\nfolder="a b"\nrm -r $folder\n')
    result = subprocess.run([SHELLCHECK, script], capture_output=True, text=True)
    assert result.returncode == 1 and "SC2086" in result.stdout
