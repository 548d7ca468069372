"""Findings made in a process of their own, which has imported nothing and whose environment is the test's."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from dataclasses import asdict
{code}
print(json.dumps([asdict(finding) for finding in findings]))
"""


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., dict[str, dict[str, str]]]:
    """Run code that sets `findings`, with files to import and environment variables; return them by subject."""

    def found(code: str, files: dict[str, str] | None = None, **variables: str) -> dict[str, dict[str, str]]:
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("VERL_", "RAY_"))}
        path = os.pathsep.join(filter(None, [str(tmp_path), kept.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(code=code)], env={**kept, "PYTHONPATH": path, **variables},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return {finding["subject"]: finding for finding in json.loads(done.stdout.splitlines()[-1])}

    return found
