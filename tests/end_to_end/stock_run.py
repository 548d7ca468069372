"""A few steps with our configs, on a tiny judge and few rows: of stock verl alone, or by `rm-train train`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from rm_train.launch.run_folder import RunFolder
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge

ROOT = Path(__file__).parents[2]
STEPS = 3


def train_stock(task, model, rows, folder, *overrides):
    """Train for `STEPS` steps on a file of rows, and return the metrics of each step that verl logged, in order."""
    command = [
        *(sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "configs", "--config-name", task),
        *(f"steps={STEPS}", f"run_dir={folder / 'run'}", "base_model=hf", f"base_model_path={model}"),
        *(f"data.train_files={rows}", f"data.val_files={rows}"),
        *("cpu_sizes={batch: 4, micro_batch: 8}", "actor_rollout_ref.rollout.n=4", "data.max_response_length=32"),
        *("trainer.save_freq=-1", "trainer.test_freq=-1", "trainer.val_before_train=false"),
        *("trainer.checkpoint_callback_class=null", *overrides),
    ]
    metrics = folder / "metrics.jsonl"
    environment = {
        **os.environ,
        **{"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1", "RAY_enable_worker_prestart": "0"},
        **{"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"},
        **{"VERL_FILE_LOGGER_PATH": str(metrics), "TENSORBOARD_DIR": str(folder / "tensorboard")},
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    steps = logged(metrics)
    return [steps[step] for step in sorted(steps)]


def trained_twice(root, settings):
    """Train for one step, then tell the same run to do two, and return its folder; the base model is in root/cache."""
    torch.set_num_threads(1)
    build_tiny_judge(root / "cache" / "tiny-judge-v1-seed0", 0, WarmStart(prompts=200, steps=40))
    folder = RunFolder(root / "run")
    environment = {**os.environ, "RM_TRAIN_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", "rm_train.cli", "train", f"run_dir={folder.path}", *settings]
    for steps in (1, 2):
        subprocess.run([*command, f"steps={steps}"], env=environment, check=True, timeout=500)
    return folder


def logged(file):
    """Return what verl logged: step -> key -> value."""
    steps = {}
    for record in map(json.loads, file.read_text().splitlines()):
        steps.setdefault(record["step"], {}).update(record["data"])
    return steps
