"""The rows of a judge that compares two answers: each pair twice, once in either order.

A judge that prefers the first answer must not profit from how a data set orders them, so every pair is asked about both
ways round, in rows next to each other: an even batch of rows in their order holds whole pairs.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pyarrow as pa

from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.pairwise import PREFERENCES, Preference
from reward_fn.judges.verdict_text import Message
from rm_train.data.converters import PAIR_CONVERTERS, Pair, chosen_rejected
from rm_train.data.fields import Fields
from rm_train.data.process.shape import verl_schema
from rm_train.data.settings import NAMED_FIELDS, ROWS_PER_PAIR, PrepareSettings, Side

SCHEMA = verl_schema(
    pa.string(),
    [
        ("index", pa.int64()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("form", pa.string()),
        ("pair_id", pa.string()),
        ("order", pa.int64()),
        ("swapped", pa.bool_()),
        ("strength", pa.int64()),
        ("score_a", pa.float64()),
        ("score_b", pa.float64()),
        ("length_a", pa.int64()),
        ("length_b", pa.int64()),
        ("facts", pa.string()),
        ("conversation", pa.string()),
        ("answers", pa.string()),
    ],
)


class PairwiseShape:
    """See `Shape`."""

    version: ClassVar[int] = 1
    schema: ClassVar[pa.Schema] = SCHEMA
    labels: ClassVar[tuple[Preference, ...]] = PREFERENCES
    rows_per_example: ClassVar[int] = ROWS_PER_PAIR
    # All that tells which answer is better moves together; what is left in a row knows nothing of it.
    targets: ClassVar[tuple[str, ...]] = (
        "reward_model.ground_truth",
        "extra_info.strength",
        "extra_info.score_a",
        "extra_info.score_b",
    )

    def __init__(self, settings: PrepareSettings) -> None:
        self._dataset, self._form, self._names = settings.dataset, settings.form, settings.fields
        self._drop_ties = settings.drop_ties
        self._ask = PAIR_FORMS[settings.form].messages

    def convert(self, row: Fields) -> Pair:
        """Return the pair in a row; raises `RowProblem`."""
        if self._dataset == NAMED_FIELDS:
            return chosen_rejected.convert(row, self._names)
        return PAIR_CONVERTERS[self._dataset](row)

    def rows(self, example: Pair, side: Side, index: int, source: str) -> list[dict[str, Any]]:
        """Return the two rows of a pair, first as it stands in the example, then swapped; see `Shape.rows`."""
        if self._drop_ties and example.preference == "tie":
            return []
        return [
            {
                "data_source": f"{self._dataset}/pairwise",
                "prompt": self._ask(pair.conversation, pair.answers),
                "ability": "judge",
                "reward_model": {"style": "rule", "ground_truth": pair.preference},
                "extra_info": {
                    "index": index + order,
                    "split": side,
                    "source": source,
                    "form": self._form,
                    "pair_id": f"{self._dataset}/{source}",
                    "order": order,
                    "swapped": False,  # whoever shows the answers the other way says so here
                    "strength": pair.strength,
                    "score_a": pair.scores[0],
                    "score_b": pair.scores[1],
                    "length_a": len(pair.answers[0]),
                    "length_b": len(pair.answers[1]),
                    "facts": "" if pair.facts is None else json.dumps(dict(zip("AB", pair.facts, strict=True))),
                    "conversation": json.dumps(pair.conversation, ensure_ascii=False),
                    "answers": json.dumps(pair.answers, ensure_ascii=False),
                },
            }
            for order, pair in enumerate((example, example.swapped()))
        ]

    def probe(self) -> list[Message]:
        """Return what is asked of two fixed answers."""
        return self._ask([{"role": "user", "content": "question"}], ("first answer", "second answer"))
