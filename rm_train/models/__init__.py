"""The models a run can start from: those that are built here, or any Hugging Face model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do in all."""


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A base model that is made on this machine when a run first needs it.

    Attributes:
        doing: What making it is called, to be shown.
        build: Makes it: the folder it goes to, the run's seed, and where progress goes.
    """

    doing: str
    build: Callable[[Path, int, Progress], None]


def _tiny(folder: Path, seed: int, progress: Progress) -> None:
    from rm_train.models.tiny.warm_start import build_tiny_judge

    build_tiny_judge(folder, seed, progress=progress)


def _tiny_pairwise(folder: Path, seed: int, progress: Progress) -> None:
    from rm_train.models.tiny.pair_warm_start import build_tiny_pair_judge

    build_tiny_pair_judge(folder, seed, progress=progress)


def _smollm2(folder: Path, seed: int, progress: Progress) -> None:
    from rm_train.models.smollm2 import build_smollm2

    build_smollm2(folder, progress)


BUILT = {
    "tiny": BuiltModel("teaching the tiny judge", _tiny),
    "tiny_pairwise": BuiltModel("teaching the tiny judge of pairs", _tiny_pairwise),
    "smollm2": BuiltModel("fetching and converting SmolLM2-135M-Instruct", _smollm2),
}
"""Name of the base model -> how it is made; every other base model is loaded."""
