"""From an example to the rows that verl reads: the judging prompt, the truth, and where the row comes from.

There is one shape of rows for ratings, and one for preferences; the rest of the room knows neither.
"""

from __future__ import annotations

from typing import Any

from rm_train.data.process.pairwise import PairwiseShape
from rm_train.data.process.pointwise import PointwiseShape
from rm_train.data.process.shape import Shape
from rm_train.data.settings import PrepareSettings

__all__ = ["Shape", "shape_of"]


def shape_of(settings: PrepareSettings) -> Shape[Any]:
    """Return what makes rows of the data set that the settings name."""
    return PairwiseShape(settings) if settings.is_pairwise else PointwiseShape(settings)
