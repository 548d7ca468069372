"""What a person chooses about the data, checked before anything is read, and what they get back."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.pointwise import ATTRIBUTES
from rm_train.data.converters import CONVERTERS, PAIR_CONVERTERS
from rm_train.data.converters.chosen_rejected import USUAL_NAMES
from rm_train.data.errors import PrepareError

Side = Literal["train", "validation"]
SIDES: tuple[Side, ...] = get_args(Side)

SYNTHETIC = "synthetic"
SYNTHETIC_PAIRS = "synthetic_pairwise"
GENERATED = (SYNTHETIC, SYNTHETIC_PAIRS)
"""The data sets that are generated and so have no path."""

NAMED_FIELDS = "chosen_rejected"
"""The data set whose fields have no fixed names."""

ROWS_PER_PAIR = 2
"""A pair is asked about in both orders."""

_ONLY_PAIRWISE = ("form", "fields", "drop_ties", "tie_share")
"""The settings that data of ratings does not know; its fingerprints must not depend on them."""


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """The choices of one `prepare` call.

    Attributes:
        dataset: A key of `CONVERTERS` (ratings) or `PAIR_CONVERTERS` (preferences).
        out_dir: The folder to write; replaced as a whole.
        path: A `.jsonl` or `.jsonl.gz` file (preferences also in `.json` and `.parquet`), a folder with such files for
            train and validation, the address of such a file or folder in object storage (`s3://BUCKET/NAME`), or a name
            on the Hugging Face hub (`owner/name`, with `@revision` to pin one); None for the synthetic sets.
        attribute: Which of HelpSteer2's five ratings is the target; preferences know none.
        on_bad_row: What a broken row does: `stop`, or `skip` (counted and listed).
        val_fraction: Share of prompts held out, in (0, 1), where the source has no split of its own.
        seed: Seeds the synthetic rows and the shuffling of targets. The split does not depend on it, so runs with
            different seeds are measured on the same prompts.
        max_train_rows: Keep the first so many training rows; None keeps all. A pair is two rows, and is kept whole.
        max_val_rows: Keep the first so many validation rows; None keeps all.
        shuffle_targets: Permute the training targets over the rows, or over the pairs with both rows of each: a control
            from which nothing can be learned.
        train_prompts: Synthetic training prompts, two rows each.
        val_prompts: Synthetic validation prompts, two rows each.
        form: How a judge is asked about a pair, a key of `PAIR_FORMS`.
        fields: Names of the fields of `chosen_rejected`, where they are not the usual ones; keys as in `USUAL_NAMES`.
        drop_ties: Leave out pairs of which neither answer is better: some forms have no word for that.
        tie_share: Share of the synthetic pairs whose answers are equally good, in [0, 1).
        cache_dir: Where files from object storage are kept; None for RM_TRAIN_CACHE, or ~/.cache/rm-train.
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
    form: str = "pairwise"
    fields: Mapping[str, str] = field(default_factory=dict)
    drop_ties: bool = False
    tie_share: float = 0.125
    cache_dir: str | os.PathLike[str] | None = None

    @property
    def is_pairwise(self) -> bool:
        """Whether the data set is one of preferences."""
        return self.dataset in PAIR_CONVERTERS

    def check(self) -> None:
        """Raise a `PrepareError` that names the first setting that cannot be, and what to write instead."""
        _check_choice("dataset", self.dataset, [*CONVERTERS, *PAIR_CONVERTERS])
        _check_choice("attribute", self.attribute, ATTRIBUTES)
        _check_choice("on_bad_row", self.on_bad_row, ("stop", "skip"))
        _check_choice("form", self.form, PAIR_FORMS)
        if not 0 < self.val_fraction < 1:
            raise PrepareError(f"val_fraction={self.val_fraction}: write a share between 0 and 1, such as 0.05")
        for name in ("max_train_rows", "max_val_rows", "train_prompts", "val_prompts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise PrepareError(f"{name}={value}: write a number of at least 1")
        generated = self.dataset in GENERATED
        if generated and self.path is not None:
            raise PrepareError(f"dataset={self.dataset} is generated: leave path out, or choose another dataset")
        if not generated and not self.path:
            raise PrepareError(f"dataset={self.dataset} needs a path: a file, folder or address, or a name on the hub")
        self._check_kind()

    def _check_kind(self) -> None:
        unread = {"attribute": "helpfulness"} if self.is_pairwise else {"form": "pairwise", "drop_ties": False}
        for name, default in unread.items():
            if getattr(self, name) != default:
                raise PrepareError(f"{name}={getattr(self, name)}: dataset={self.dataset} knows none; leave it out")
        for name in ("max_train_rows", "max_val_rows"):
            value = getattr(self, name)
            if self.is_pairwise and value is not None and value < ROWS_PER_PAIR:
                raise PrepareError(f"{name}={value}: a pair is {ROWS_PER_PAIR} rows; write a number of at least that")
        if not 0 <= self.tie_share < 1:
            raise PrepareError(f"tie_share={self.tie_share}: write a share from 0 to below 1, such as 0.125")
        if self.fields and self.dataset != NAMED_FIELDS:
            raise PrepareError(f"fields: dataset={self.dataset} has fixed names; leave it out")
        for key in self.fields:
            _check_choice("fields, key", key, USUAL_NAMES)

    def limit(self, side: Side) -> int | None:
        """Return how many rows one side may have, or None for any number."""
        return self.max_train_rows if side == "train" else self.max_val_rows

    def as_json(self) -> dict[str, Any]:
        """Return the settings that the data set knows as JSON values."""
        left_out = ("cache_dir", *(("attribute",) if self.is_pairwise else _ONLY_PAIRWISE))
        values = {name: value for name, value in asdict(self).items() if name not in left_out}
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


def _check_choice(name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise PrepareError(f"{name}={value}: choose one of {', '.join(choices)}")
