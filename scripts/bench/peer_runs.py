"""The peers of the benchmarks: each in an environment of its own, and every side in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import click
from common import CONSOLE

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "peers"
PEERS = {
    "RM-Gallery": (
        ["rm-gallery==0.1.7"],
        # What its rules and judges import; its own list is of 3 GB.
        ["loguru", "pandas", "datasets", "pydantic", "retry", "tabulate", "math-verify", "jieba", "tiktoken",
         "openai<2"],
    ),
    "OpenJudge": (
        ["py-openjudge==0.2.4"],
        ["loguru", "pydantic", "openai", "json_repair", "dashscope", "math-verify", "numpy", "jieba", "tiktoken",
         "sacrebleu", "rouge-score", "nltk"],
    ),
}  # fmt: skip
"""The package of a peer, which is installed without what it asks for, and what it needs of that."""


def environment(folder: Path, peer: str) -> Path:
    """Return the Python of a peer's environment, after making it if it is not there."""
    package, needs = PEERS[peer]
    home = folder / peer.lower()
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        with CONSOLE.status(f"installing {package[0]} in {home}"):
            venv.create(home, with_pip=True, clear=True)
            install = [python, "-m", "pip", "install", "--quiet"]
            for command in ([*install, "--no-deps", *package], [*install, *needs]):
                subprocess.run(command, check=True, capture_output=True, text=True)
            (home / "ready").touch()
    return python


def run(
    python: Path | str, script: str, *arguments: object, cores: set[int] | None = None, checkout: Path = ROOT
) -> dict[str, Any]:
    """Run a side and return its figures.

    Args:
        python: The Python of the side's environment.
        script: The file of the side in `peers`.
        *arguments: Those of the script.
        cores: The cores that it may use; None: all.
        checkout: The repository whose packages are measured, if the side is ours.
    """
    with tempfile.TemporaryDirectory() as folder:  # RM-Gallery makes a log folder where it is
        done = subprocess.run(
            [python, HERE / script, *map(str, arguments)],
            cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(checkout.resolve())} if python == sys.executable else None,
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
        )  # fmt: skip
    if done.returncode:
        raise click.ClickException(f"{script} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
