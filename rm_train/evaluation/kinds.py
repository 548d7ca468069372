"""The kinds of judges, and how a file says which one it is about: nobody has to tell the command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rm_train.evaluation.kind import Kind
from rm_train.evaluation.pairwise import PAIRWISE
from rm_train.evaluation.parquet import field_names, open_data
from rm_train.evaluation.pointwise import POINTWISE

KINDS: Mapping[str, Kind[Any, Any, Any]] = {"pointwise": POINTWISE, "pairwise": PAIRWISE}
"""All kinds by name; the metrics of each have its name as `kind`."""


def kind_of_data(data: Path) -> Kind[Any, Any, Any]:
    """Return the kind of a data file: rows of pairs have the field `pair_id` in `extra_info`.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not parquet.
    """
    with open_data(data) as file:
        return KINDS["pairwise" if "pair_id" in field_names(file.schema_arrow, "extra_info") else "pointwise"]


def kind_of_metrics(metrics: Mapping[str, Any]) -> Kind[Any, Any, Any]:
    """Return the kind of the JSON of metrics; that of pointwise judges came first and does not say it.

    Raises:
        ValueError: There is no such kind.
    """
    name = metrics.get("kind", "pointwise")
    if name not in KINDS:
        raise ValueError(f"there is no kind of judge {name!r}; known are {', '.join(KINDS)}")
    return KINDS[name]
