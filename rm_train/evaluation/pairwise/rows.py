"""The pairs of answers that a judge is evaluated on: each twice, once in either order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.pairwise import Preference
from reward_fn.judges.verdict_text import Message
from reward_fn.schema import RewardError
from rm_train.evaluation.pairwise.pairs import pairs_of
from rm_train.evaluation.pairwise.reasons import PairFacts, parse_facts
from rm_train.evaluation.parquet import extra_of, messages_of, read_records, target_of, written_out
from rm_train.tasks.labels import pair_label

_FIELDS = ("index", "pair_id", "order", "strength", "length_a", "length_b", "facts", "conversation", "answers")
_NEEDED = {"prompt": (), "reward_model": ("ground_truth",), "extra_info": _FIELDS}


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two answers to compare, in one order.

    Attributes:
        index: The row's number in its data set.
        prompt: What the judge is asked.
        target: The better answer.
        pair_id: The same for both rows of a pair.
        order: 0 as the pair stands in the data, 1 swapped.
        form: How the verdict is written, a key of `PAIR_FORMS`.
        strength: How much better, from -3 to 3, negative where A is; None where the data does not say.
        lengths: The characters of A and of B; None where the data does not say.
        facts: What a right reason says of each answer; None where the data has no facts.
        conversation: The turns before the answers, as a person reads them.
        answers: A and B.
    """

    index: int
    prompt: tuple[Message, ...]
    target: Preference
    pair_id: str
    order: int
    form: str
    strength: int | None
    lengths: tuple[int, int] | None
    facts: PairFacts | None
    conversation: str
    answers: tuple[str, str]


def read_rows(data: Path, limit: int | None = None) -> list[PairRow]:
    """Read the rows of a verl parquet file, or its first `limit` ones; see `read_records` for what it raises.

    Raises:
        ValueError: The rows of a pair do not fit together, too.
    """
    rows = read_records(data, _NEEDED, _row, limit)
    try:
        pairs_of(rows)
    except ValueError as error:
        raise ValueError(f"{data}: {error}") from error
    return rows


def _row(record: dict[str, Any], where: str) -> PairRow:
    prompt, extra = messages_of(record, where), extra_of(record, where)
    pair_id, order = extra["pair_id"], extra["order"]
    # Our own form needs no name in a file that somebody else wrote.
    form = extra.get("form") or "pairwise"
    if not isinstance(pair_id, str) or not pair_id:
        raise ValueError(f"{where}: extra_info.pair_id is {pair_id!r}, not a text")
    if not isinstance(order, int):
        raise ValueError(f"{where}: extra_info.order is {order!r}, not 0 or 1")
    if form not in PAIR_FORMS:
        raise ValueError(f"{where}: extra_info.form is {form!r}, none of {', '.join(PAIR_FORMS)}")
    try:
        label = pair_label({**extra, "reference": target_of(record)})
        facts = parse_facts(extra["facts"] or "")
        turns, answers = _messages(extra["conversation"]), json.loads(extra["answers"])
    except (RewardError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{where}: {error}") from error
    if not isinstance(answers, list) or [type(answer) for answer in answers] != [str, str]:
        raise ValueError(f"{where}: extra_info.answers is no JSON list of two texts")
    return PairRow(
        index=extra["index"],
        prompt=prompt,
        target=label.preference,
        pair_id=pair_id,
        order=order,
        form=form,
        strength=label.strength,
        lengths=label.lengths,
        facts=facts,
        conversation=written_out(turns),
        answers=(answers[0], answers[1]),
    )


def _messages(text: str) -> list[Message]:
    return [Message(role=turn["role"], content=turn["content"]) for turn in json.loads(text)]
