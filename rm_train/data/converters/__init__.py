"""One converter for each data set: a row as its authors wrote it becomes an `Example` or a `Pair`, all the rest knows.

A new data set is a new file here and one more entry in `CONVERTERS` or `PAIR_CONVERTERS`; one whose files are not just
a training and a validation part also has an entry in the layouts of `rm_train.data.sources`.
"""

from __future__ import annotations

from collections.abc import Callable

from rm_train.data.converters import (
    chosen_rejected,
    helpsteer2,
    helpsteer2_preference,
    helpsteer3,
    rmb_pairs,
    synthetic,
    synthetic_pairwise,
)
from rm_train.data.converters.example import Example
from rm_train.data.converters.pair import Pair
from rm_train.data.fields import Fields

Converter = Callable[[Fields, str], Example]
"""Takes a row and the attribute to predict; raises `RowProblem` for a row that cannot be used."""

PairConverter = Callable[[Fields], Pair]
"""Takes a row; raises `RowProblem` for a row that cannot be used."""

CONVERTERS: dict[str, Converter] = {
    "synthetic": synthetic.convert,
    "helpsteer2": helpsteer2.convert,
}
"""Name of a data set of ratings -> its converter."""

PAIR_CONVERTERS: dict[str, PairConverter] = {
    "synthetic_pairwise": synthetic_pairwise.convert,
    "helpsteer2_preference": helpsteer2_preference.convert,
    "helpsteer3": helpsteer3.convert,
    "rmb_pairs": rmb_pairs.convert,
    "chosen_rejected": chosen_rejected.convert,
}
"""Name of a data set of preferences -> its converter."""

__all__ = ["CONVERTERS", "PAIR_CONVERTERS", "Converter", "Example", "Pair", "PairConverter"]
