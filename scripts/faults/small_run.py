"""Small runs of stock verl on CPU, with a model of random weights, on rewards that are named in its config.

What such a model answers is noise; a reward that is a function of the answer's bytes can be checked for each of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from rm_train.models.tiny.architecture import build_model, build_tokenizer

ROOT = Path(__file__).parents[2]
OURS = "pkg://reward_fn.adapters.verl"
PROMPTS, N, STEPS = 4, 4, 2
MARK = "RM_TRAIN_SMALL_RUN"
"""The environment variable by which the processes of a run are found."""
_SETTINGS = (
    *(f"cpu_sizes={{batch: {PROMPTS}, micro_batch: 8}}", f"actor_rollout_ref.rollout.n={N}", f"steps={STEPS}"),
    *("data.max_response_length=6", "trainer.test_freq=-1", "trainer.val_before_train=false"),
    f"reward.custom_reward_function.path={OURS}",
    f"reward.reward_manager={{source: importlib, name: GalleryRewardManager, module: {{path: '{OURS}'}}}}",
    f"trainer.v1.sampler.custom_sampler={{path: '{OURS}', name: MetricsReplayBuffer}}",
)
_GONE_S = 30.0

Answer = tuple[int, str, int]
"""A training step, verl's uid of a prompt, and the number of an answer to it."""


def make(folder: Path) -> None:
    """Make a model and rows of two data sets in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
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


class SmallRun:
    """A run of verl: `STEPS` steps of `PROMPTS` prompts with `N` answers each, if no override says otherwise.

    Args:
        folder: Where it writes.
        made: Where `make` was done.
        kwargs: The `reward_kwargs`.
        overrides: More settings of verl's.
        path: Folders with modules that its processes shall find.
        before: A command that it is an argument of.
    """

    def __init__(
        self,
        folder: Path,
        made: Path,
        kwargs: Mapping[str, Any],
        *overrides: str,
        path: Sequence[Path] = (),
        before: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        kwargs = {**kwargs, "preflight": False, "log": {"folder": str(folder / "rewards")}}
        rows, model = made / "rows.parquet", made / "model"
        command = [
            *(*before, sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "examples/plug_in"),
            *("--config-name", "project", "hydra.searchpath=[file://configs]", f"run_dir={folder}"),
            *(f"data.train_files={rows}", f"data.val_files={rows}", f"actor_rollout_ref.model.path={model}"),
            *(*_SETTINGS, f"trainer.rollout_data_dir={folder}/rollouts", f"critic.model.path={model}"),
            f"+reward.custom_reward_function.reward_kwargs={hydra_value(kwargs)}",
            *overrides,
        ]
        environment = {
            **os.environ,
            **{"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1", "RAY_enable_worker_prestart": "0"},
            **{"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"},
            **{"VERL_FILE_LOGGER_PATH": f"{folder}/metrics.jsonl", "TENSORBOARD_DIR": f"{folder}/tensorboard"},
            **{"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *path))), "HYDRA_FULL_ERROR": "1", MARK: str(folder)},
        }
        with (folder / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def code(self) -> int | None:
        """Its exit status; None as long as it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it has printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def wait(self, seconds: float) -> None:
        """Wait for its end."""
        self._process.wait(seconds)

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self.code is None:
            self._process.terminate()
            self.wait(_GONE_S)

    def metrics(self) -> dict[int, dict[str, float]]:
        """Return verl's metrics by their step."""
        steps: dict[int, dict[str, float]] = {}
        for line in (self.folder / "metrics.jsonl").read_text().splitlines():
            record = json.loads(line)
            steps.setdefault(record["step"], {}).update(record["data"])
        return steps

    def scored(self) -> dict[Answer, dict[str, Any]]:
        """Return the lines that the reward manager wrote down."""
        lines = [
            (int(path.name[5:11]), json.loads(line))
            for path in (self.folder / "rewards").glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        return {(step, line["uid"], line["session"]): line for step, line in lines}

    def trained(self) -> dict[Answer, float]:
        """Return the scores that verl trained on."""
        found = {}
        for path in (self.folder / "rollouts").glob("*.jsonl"):
            for line in map(json.loads, path.read_text().splitlines()):
                uid, session, _ = line["uid"].rsplit("_", 2)
                found[int(path.stem), uid, int(session)] = line["score"]
        return found

    def processes(self, words: str = "") -> list[psutil.Process]:
        """Return what it has started and what has not ended, if these words are in the command."""
        found = []
        for process in psutil.process_iter(["environ", "cmdline", "status"]):
            command = " ".join(process.info["cmdline"] or [])
            ours = (process.info["environ"] or {}).get(MARK) == str(self.folder)
            if ours and words in command and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def left(self) -> list[str]:
        """Return the commands that it has left behind; Ray's own get a while to see that it is gone."""
        deadline = time.monotonic() + _GONE_S
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return [" ".join(process.cmdline()) for process in found]


def hydra_value(value: object) -> str:
    """Write a value in Hydra's grammar."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {hydra_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(hydra_value, value)) + "]"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
