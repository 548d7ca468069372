"""A reward of RM-Gallery's as one of ours."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from pydantic import Field, field_validator

import reward_fn
from reward_fn.adapters.rm_gallery.inside import evaluate
from reward_fn.base import BasePointWiseReward
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult
from reward_fn.workers.pool import Home, Kind, WorkerPool, cores
from reward_fn.workers.times import result_of

_INSTALL = (
    "install it with `pip install rm-gallery==0.1.7`, in an environment of its own where this one must keep its "
    "versions, and name that environment's Python in the field `python`"
)
_MEMORY = 8 * 2**30
"""Bytes of address space of a worker: RM-Gallery imports pandas, datasets and more."""


class RMGalleryReward(BasePointWiseReward):
    """A pointwise rule of an installed RM-Gallery, as it is there.

    It runs in worker processes, if need be with the Python of another environment, in a folder that is deleted later:
    so its logs and its log folder touch nobody, and a rule that hangs or crashes ends at its time limit. What
    RM-Gallery swallows (an exception that it makes a 0 of, an answer without details) is a failure here. Its LLM
    rewards are refused: an unreadable reply gets their best score.
    """

    formula: ClassVar[str] = "RM-Gallery's score"
    source: ClassVar[str] = "PyPI rm-gallery 0.1.7"
    cost: ClassVar[str] = "process"

    name: str = "rm_gallery"
    rule: str = Field(description="the name in RM-Gallery's registry, such as `accuracy`; or `MODULE:CLASS`")
    params: dict[str, Any] = Field(default={}, description="the fields of RM-Gallery's reward")
    python: str | None = Field(
        default=None, description="the Python of the environment that has RM-Gallery, if it is another one"
    )
    timeout_s: float = Field(10.0, gt=0, description="seconds that one answer may take, from when its turn comes")
    low: float = Field(default=0.0, description="the lowest score; RM-Gallery does not tell it")
    high: float = Field(default=1.0, description="the highest score")

    @field_validator("python")
    @classmethod
    def _there(cls, value: str | None) -> str | None:
        if value is not None and shutil.which(value) is None:
            raise ValueError(f"{value} is no program; write the path of a Python, such as /data/gallery/bin/python")
        return value

    @property
    def score_range(self) -> tuple[float, float]:
        """The range that was set."""
        return self.low, self.high

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        job = _pool(self.python or sys.executable).submit(
            evaluate, self.rule, json.dumps(self.params, sort_keys=True), _json_of(sample), timeout_s=self.timeout_s
        )
        told = await result_of(job)
        if "failure" in told:
            hint = f"; {_INSTALL}" if told.get("missing") else ""
            raise RewardError(FailureKind(told["failure"]), told["detail"] + hint)
        return RewardResult.of(self.name, told["score"], told["reason"]).changed(extra_data=told["extra_data"])


def _json_of(sample: DataSample) -> dict[str, Any]:
    """Return a sample as RM-Gallery's schema reads it; its rewards so far are not RM-Gallery's business."""
    rewards: Any = {"output": {"__all__": {"answer": {"reward"}, "steps": {"__all__": {"reward"}}}}}
    content: dict[str, Any] = sample.model_dump(mode="json", exclude=rewards)
    return content


_KIND = Kind(("reward_fn.adapters.rm_gallery",))
_pools: dict[tuple[int, str], tuple[WorkerPool, TemporaryDirectory[str]]] = {}
_lock = threading.Lock()


def _pool(python: str) -> WorkerPool:
    """Return this process's workers with a Python; a forked child gets its own."""
    with _lock:
        key = os.getpid(), python
        if key not in _pools:
            made = TemporaryDirectory(prefix="rm-gallery-", ignore_cleanup_errors=True)
            home = Home(python, Path(made.name), _module_path(python, Path(made.name)))
            _pools[key] = WorkerPool(cores(), _MEMORY, _KIND, home), made
        return _pools[key][0]


def _module_path(python: str, folder: Path) -> list[str]:
    """Return where workers find this package.

    Another environment gets this package alone: what lies beside it here, in site-packages, would hide its own.
    """
    if python == sys.executable:
        return [str(Path(place).absolute()) for place in sys.path if place]
    (folder / "path").mkdir()
    (folder / "path" / "reward_fn").symlink_to(Path(reward_fn.__file__).parent)
    return [str(folder / "path")]
