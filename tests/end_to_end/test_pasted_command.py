"""The dry run's last lines, pasted into a shell: they train as the launcher would, in a folder with an odd name too."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rm_train.launch.run_folder import RunFolder
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
SETTINGS = (
    *("steps=1", "max_train_rows=32", "max_val_rows=8", "val_rows=8", "data.train_batch_size=4"),
    *("actor_rollout_ref.rollout.n=4", "trainer.save_freq=1", "trainer.val_before_train=false"),
)


def test_the_pasted_lines_prepare_and_train(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    cache = tmp_path / "cache"
    build_tiny_judge(cache / "tiny-judge-v1-seed0", 0, WarmStart(prompts=200, steps=40))
    folder = RunFolder(tmp_path / "it's a run, n=1")
    quoted = str(folder.path).replace("'", "\\'")
    settings = [f"run_dir='{quoted}'", f"cache_dir={cache}", *SETTINGS]
    dry_run = subprocess.run(
        [sys.executable, "-m", "rm_train.cli", "train", "--dry-run", *settings],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not folder.path.exists()
    *_, preparation, command = dry_run.stdout.splitlines()

    # A shell that knows nothing of this process but where its programs are.
    shell = {key: value for key, value in os.environ.items() if key in {"HOME", "PATH", "PYTHONPATH"}}
    subprocess.run(["bash", "-c", f"{preparation}\n{command}"], env=shell, cwd=tmp_path, check=True, timeout=400)
    assert folder.trained_steps() == 1
    (metrics,) = folder.metrics.glob("*.jsonl")
    assert {json.loads(line)["step"] for line in metrics.read_text().splitlines()} == {1}
    assert json.loads(folder.record.read_text())["command"] == command
    assert shlex.split(command)[-1] == f"run_dir='{quoted}'"
    assert not (tmp_path / "outputs").exists()
