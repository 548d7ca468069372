"""Training runs of stock verl on rewards that are named in its config, with a model of random weights."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from rm_train.models.tiny.architecture import build_model, build_tokenizer

ROOT = Path(__file__).parents[3]
PROMPTS, N, STEPS = 4, 4, 2
OURS = "pkg://reward_fn.adapters.verl"
SETTINGS = [
    *(f"cpu_sizes={{batch: {PROMPTS}, micro_batch: 8}}", f"actor_rollout_ref.rollout.n={N}", f"steps={STEPS}"),
    *("data.max_response_length=6", "trainer.test_freq=-1", "trainer.val_before_train=false"),
    f"reward.custom_reward_function.path={OURS}",
    f"reward.reward_manager={{source: importlib, name: GalleryRewardManager, module: {{path: '{OURS}'}}}}",
    f"trainer.v1.sampler.custom_sampler={{path: '{OURS}', name: MetricsReplayBuffer}}",
]


@dataclass
class Run:
    """A run that has ended."""

    folder: Path
    code: int
    output: str

    def metrics(self):
        """verl's metrics by their step."""
        steps = {}
        for line in (self.folder / "metrics.jsonl").read_text().splitlines():
            record = json.loads(line)
            steps.setdefault(record["step"], {}).update(record["data"])
        return steps

    def scored(self):
        """What the manager wrote down: (step, uid, session) -> its line."""
        lines = [
            (int(path.name[5:11]), json.loads(line))
            for path in (self.folder / "rewards").glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        return {(step, line["uid"], line["session"]): line for step, line in lines}

    def trained(self):
        """What verl trained on: (step, uid, session) -> the score."""
        found = {}
        for path in (self.folder / "rollouts").glob("*.jsonl"):
            for line in map(json.loads, path.read_text().splitlines()):
                uid, session, _ = line["uid"].rsplit("_", 2)
                found[int(path.stem), uid, int(session)] = line["score"]
        return found


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a model and rows of two data sets."""
    folder = tmp_path_factory.mktemp("made")
    tokenizer = build_tokenizer(["user assistant Say something about the number ."])
    torch.manual_seed(0)
    build_model(tokenizer).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    rows = [
        {
            "data_source": ("digests", "matches")[number % 2],
            "prompt": [{"role": "user", "content": f"Say something about the number {number}."}],
            "reward_model": {"style": "rule", "ground_truth": str(number)},
            "extra_info": {"index": number, "split": "train"},
        }
        for number in range(64)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder


@pytest.fixture
def run(made, tmp_path):
    """Train with `reward_kwargs` and overrides, and check that no process is left."""

    def run(kwargs, *overrides):
        kwargs = {**kwargs, "preflight": False, "log": {"folder": str(tmp_path / "rewards")}}
        rows, model = made / "rows.parquet", made / "model"
        command = [
            *(sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "examples/plug_in"),
            *("--config-name", "project", "hydra.searchpath=[file://configs]", f"run_dir={tmp_path}"),
            *(f"data.train_files={rows}", f"data.val_files={rows}", f"actor_rollout_ref.model.path={model}", *SETTINGS),
            *(f"trainer.rollout_data_dir={tmp_path}/rollouts", f"critic.model.path={model}"),
            f"+reward.custom_reward_function.reward_kwargs={hydra_value(kwargs)}",
            *overrides,
        ]
        environment = {
            **os.environ,
            **{"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1", "RAY_enable_worker_prestart": "0"},
            **{"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"},
            **{"VERL_FILE_LOGGER_PATH": f"{tmp_path}/metrics.jsonl", "TENSORBOARD_DIR": f"{tmp_path}/tensorboard"},
            **{"PYTHONPATH": str(ROOT / "tests" / "adapters" / "verl"), "HYDRA_FULL_ERROR": "1"},
            "PLUGGED_IN_TEST": str(tmp_path),
        }
        done = subprocess.run(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500
        )
        assert left(str(tmp_path)) == []
        return Run(tmp_path, done.returncode, done.stdout)

    return run


def hydra_value(value):
    """Write a value in Hydra's grammar."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {hydra_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(hydra_value, value)) + "]"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def left(mark):
    """Return what a run has started and not ended; Ray's own processes get a while to see that it is gone."""
    deadline = time.monotonic() + 30
    while (found := running(mark)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def running(mark):
    found = []
    for process in psutil.process_iter(["environ", "cmdline", "status"]):
        if (process.info["environ"] or {}).get("PLUGGED_IN_TEST") == mark and process.info["status"] != "zombie":
            found.append(" ".join(process.info["cmdline"] or []))
    return found
