"""From an example to the row that verl reads: the judging prompt, the true score, and where the row comes from."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from reward_fn.judges.pointwise import pointwise_messages
from rm_train.data.converters import Example
from rm_train.data.settings import Side

SCHEMA_VERSION = 1
"""Rises when the rows made from the same input change, so that older files are made anew."""

SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.int64())])),
        (
            "extra_info",
            pa.struct(
                [
                    ("index", pa.int64()),
                    ("split", pa.string()),
                    ("source", pa.string()),
                    ("attribute", pa.string()),
                    ("facts", pa.string()),
                ]
            ),
        ),
    ]
)


def to_row(example: Example, dataset: str, attribute: str, side: Side, index: int, source: str) -> dict[str, Any]:
    """Return a row of `SCHEMA`.

    Args:
        example: The rated answer.
        dataset: The data set's name.
        attribute: What the target rates.
        side: The split the row is in.
        index: The row's number in its split, from 0.
        source: Where the row was read, as `file:line`.
    """
    return {
        "data_source": f"{dataset}/{attribute}",
        "prompt": pointwise_messages(example.conversation, example.answer, attribute),
        "ability": "judge",
        "reward_model": {"style": "rule", "ground_truth": example.target},
        "extra_info": {
            "index": index,
            "split": side,
            "source": source,
            "attribute": attribute,
            "facts": example.facts,
        },
    }
