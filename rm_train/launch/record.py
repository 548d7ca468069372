"""What a run is, written down: enough to trace every number in its report."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rm_train.data.settings import GENERATED, SYNTHETIC
from rm_train.files import atomic_write_json, atomic_write_text
from rm_train.launch.config import reward_label
from rm_train.launch.secrets import hidden, hidden_text

_PACKAGES = ("rm-train", "verl", "torch", "ray", "transformers")


class RunRecord:
    """The file `run.json` of a run folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"seconds": {}}

    def data_fingerprint(self) -> str | None:
        """Return the fingerprint of the data the run began with; None before it began."""
        fingerprint: str | None = self._content.get("data", {}).get("fingerprint")
        return fingerprint

    def describe(self, task: str, config: DictConfig, manifest: Mapping[str, Any], command: str) -> None:
        """Write what the run is, and its resolved config beside it.

        Args:
            task: The name of the config.
            config: The resolved config.
            manifest: The manifest of the prepared data.
            command: verl's command line.
        """
        atomic_write_text(
            self._path.with_name("config.yaml"),
            OmegaConf.to_yaml(OmegaConf.create(hidden(OmegaConf.to_container(config)))),
        )
        counts = manifest["counts"]
        self._content |= {
            "title": f"{task} judge: {config.base_model} on {config.dataset}",
            "task": task,
            "recipe": reward_label(config),
            "base_model": config.base_model,
            "data": {
                "name": f"{config.dataset}/{config.attribute}",
                "synthetic": config.dataset in GENERATED,
                "path": config.dataset_path,
                "rows": {side: counts[side]["rows"] for side in ("train", "validation")},
                "bad_rows": manifest["bad_rows"]["count"],
                "fingerprint": manifest["fingerprint"],
            },
            "seed": config.seed,
            "steps": config.steps,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
            "hardware": config.trainer.device,
            "notes": _notes(config),
            "command": hidden_text(command),
        }
        self._save()

    def judge_steps(self) -> int:
        """Return after how many steps the trained judge was written; 0 before it was."""
        steps: int = self._content.get("judge_steps", 0)
        return steps

    def set_judge_steps(self, steps: int) -> None:
        """Write down after how many steps the trained judge was written."""
        self._content["judge_steps"] = steps
        self._save()

    def add_failure(self, step: int, error: str) -> None:
        """Write down that the training failed, was gone on with, and from which step."""
        when = datetime.now(timezone.utc).isoformat("T", "seconds")
        self._content.setdefault("failures", []).append({"time": when, "step": step, "error": hidden_text(error)})
        self._save()

    def add_seconds(self, phase: str, seconds: float) -> None:
        """Add to the time that a phase has taken over all attempts."""
        taken = self._content["seconds"]
        taken[phase] = round(taken.get(phase, 0.0) + seconds, 1)
        self._save()

    def _save(self) -> None:
        atomic_write_json(self._path, self._content)


def _notes(config: DictConfig) -> list[str]:
    """Return what a reader must know to take the figures for what they are."""
    notes = ["The trained weights are stored in bfloat16 by verl.model_merger."]
    if config.dataset in GENERATED:
        truth = "score" if config.dataset == SYNTHETIC else "preference"
        notes.append(f"The data is synthetic: generated texts in HelpSteer2's shape, whose true {truth} is computable.")
    if config.base_model == "tiny":
        notes.append(
            "The warm start is a deliberately lenient judge: taught to read the facts, but to score too kindly and "
            "noisily. What the training shows is that RL calibrates it. Its weights are stored in bfloat16 too."
        )
    if config.shuffle_targets:
        notes.append("The training targets are shuffled: a control, from which nothing can be learned.")
    return notes
