"""What a person chooses about the data, checked before anything is read, and what they get back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from reward_fn.judges.pointwise import ATTRIBUTES
from rm_train.data.converters import CONVERTERS
from rm_train.data.errors import PrepareError

Side = Literal["train", "validation"]
SIDES: tuple[Side, ...] = get_args(Side)

SYNTHETIC = "synthetic"
"""The data set that is generated and so has no path."""


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """The choices of one `prepare` call.

    Attributes:
        dataset: A key of `CONVERTERS`.
        out_dir: The folder to write; replaced as a whole.
        path: A `.jsonl` or `.jsonl.gz` file, a folder with such files for train and validation, or a name on the
            Hugging Face hub (`owner/name`, with `@revision` to pin one); None for the synthetic set.
        attribute: Which of HelpSteer2's five ratings is the target.
        on_bad_row: What a broken row does: `stop`, or `skip` (counted and listed).
        val_fraction: Share of prompts held out, in (0, 1), where the source has no split of its own.
        seed: Seeds the synthetic rows and the shuffling of targets. The split does not depend on it, so runs with
            different seeds are measured on the same prompts.
        max_train_rows: Keep the first so many training rows; None keeps all.
        max_val_rows: Keep the first so many validation rows; None keeps all.
        shuffle_targets: Permute the training targets over the rows: a control from which nothing can be learned.
        train_prompts: Synthetic training prompts, two rows each.
        val_prompts: Synthetic validation prompts, two rows each.
    """

    dataset: str
    out_dir: str | os.PathLike[str]
    path: str | os.PathLike[str] | None = None
    attribute: str = "helpfulness"
    on_bad_row: str = "stop"
    val_fraction: float = 0.05
    seed: int = 0
    max_train_rows: int | None = None
    max_val_rows: int | None = None
    shuffle_targets: bool = False
    train_prompts: int = 2000
    val_prompts: int = 600

    def check(self) -> None:
        """Raise a `PrepareError` that names the first setting that cannot be, and what to write instead."""
        _check_choice("dataset", self.dataset, CONVERTERS)
        _check_choice("attribute", self.attribute, ATTRIBUTES)
        _check_choice("on_bad_row", self.on_bad_row, ("stop", "skip"))
        if not 0 < self.val_fraction < 1:
            raise PrepareError(f"val_fraction={self.val_fraction}: write a share between 0 and 1, such as 0.05")
        for name in ("max_train_rows", "max_val_rows", "train_prompts", "val_prompts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise PrepareError(f"{name}={value}: write a number of at least 1")
        if self.dataset == SYNTHETIC and self.path is not None:
            raise PrepareError(f"dataset={SYNTHETIC} is generated: leave path out, or choose another dataset")
        if self.dataset != SYNTHETIC and not self.path:
            raise PrepareError(f"dataset={self.dataset} needs a path: a file, a folder or a name on the hub")

    def limit(self, side: Side) -> int | None:
        """Return how many rows one side may have, or None for any number."""
        return self.max_train_rows if side == "train" else self.max_val_rows

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        values = asdict(self)
        values["out_dir"] = os.fspath(self.out_dir)
        values["path"] = None if self.path is None else os.fspath(self.path)
        return values


@dataclass(frozen=True, slots=True)
class PreparedData:
    """The files of one `prepare` call.

    Attributes:
        train: Parquet of the training rows, in verl's schema.
        validation: Parquet of the validation rows.
        manifest: What `manifest.json` beside them says.
        rebuilt: False when the files were there already, made from the same input with the same settings.
    """

    train: Path
    validation: Path
    manifest: Mapping[str, Any]
    rebuilt: bool


def _check_choice(name: str, value: str, choices: Mapping[str, object] | tuple[str, ...]) -> None:
    if value not in choices:
        raise PrepareError(f"{name}={value}: choose one of {', '.join(choices)}")
