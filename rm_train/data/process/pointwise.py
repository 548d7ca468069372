"""The rows of a judge that rates one answer: one row for each."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa

from reward_fn.judges.pointwise import SCORES, pointwise_messages
from reward_fn.judges.verdict_text import Message
from rm_train.data.converters import CONVERTERS, Example
from rm_train.data.fields import Fields
from rm_train.data.process.shape import verl_schema
from rm_train.data.settings import PrepareSettings, Side

SCHEMA = verl_schema(
    pa.int64(),
    [
        ("index", pa.int64()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("attribute", pa.string()),
        ("facts", pa.string()),
    ],
)


class PointwiseShape:
    """See `Shape`."""

    version: ClassVar[int] = 1
    schema: ClassVar[pa.Schema] = SCHEMA
    labels: ClassVar[range] = SCORES
    rows_per_example: ClassVar[int] = 1
    targets: ClassVar[tuple[str, ...]] = ("reward_model.ground_truth",)

    def __init__(self, settings: PrepareSettings) -> None:
        self._dataset, self._attribute = settings.dataset, settings.attribute

    def convert(self, row: Fields) -> Example:
        """Return the rated answer in a row; raises `RowProblem`."""
        return CONVERTERS[self._dataset](row, self._attribute)

    def rows(self, example: Example, side: Side, index: int, source: str) -> list[dict[str, Any]]:
        """Return the one row of a rated answer; see `Shape.rows`."""
        row = {
            "data_source": f"{self._dataset}/{self._attribute}",
            "prompt": pointwise_messages(example.conversation, example.answer, self._attribute),
            "ability": "judge",
            "reward_model": {"style": "rule", "ground_truth": example.target},
            "extra_info": {
                "index": index,
                "split": side,
                "source": source,
                "attribute": self._attribute,
                "facts": example.facts,
            },
        }
        return [row]

    def probe(self) -> list[Message]:
        """Return what is asked of a fixed answer."""
        return pointwise_messages([{"role": "user", "content": "question"}], "answer", self._attribute)
