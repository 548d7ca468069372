"""Pairs in verl's shape, as `rm-train prepare` writes them, and judgments of pairs in few words."""

from __future__ import annotations

import json
from typing import Any

from reward_fn.judges.pairwise import Preference, pairwise_messages, swapped
from rm_train.evaluation.pairwise.judgment import PairJudgment

LETTERS: dict[str, Preference | None] = {"A": "A", "B": "B", "t": "tie", "-": None}


def judgment(target: Preference, predicted: str, order: int = 0, pair: object = 0, **more: Any) -> PairJudgment:
    """A judgment, its verdict told by a letter."""
    said = LETTERS[predicted]
    failure = "unparseable" if said is None else None
    return PairJudgment(pair_id=str(pair), order=order, target=target, predicted=said, failure=failure, **more)


def pair(
    name: object, target: Preference, verdicts: str, longer: Preference | None = None, **more: Any
) -> list[PairJudgment]:
    """The judgments of a pair: truth and longer answer as they stand in the data, a letter for each order's verdict."""
    found = []
    for order, said in enumerate(verdicts):
        true, long = (swapped(target), longer and swapped(longer)) if order else (target, longer)
        found.append(judgment(true, said, order, name, longer=long, **more))
    return found


def verl_pair_rows(pairs: int) -> list[dict[str, Any]]:
    """Rows of pairs of which A, B or none is better, with facts; the same number of times each if 3 divides it."""
    rows = []
    for number in range(pairs):
        better: Preference = ("A", "B", "tie")[number % 3]
        facts = {"A": {"city": better == "A", "day": True}, "B": {"city": better == "B", "day": True}}
        answers = ["It is Oslo." if facts[one]["city"] else "Who knows, on a long day?" for one in "AB"]
        strength = {"A": -2, "B": 1, "tie": 0}[better]
        for order in range(2):
            if order:
                answers, facts = answers[::-1], {"A": facts["B"], "B": facts["A"]}
            turns = [{"role": "user", "content": f"Name city {number}."}]
            rows.append(
                {
                    "data_source": "synthetic_pairwise/pairwise",
                    "prompt": [dict(turn) for turn in pairwise_messages(turns, *answers)],
                    "reward_model": {"style": "rule", "ground_truth": swapped(better) if order else better},
                    "extra_info": {
                        "index": 2 * number + order,
                        "split": "validation",
                        "source": str(number),
                        "form": "pairwise",
                        "pair_id": f"synthetic_pairwise/{number}",
                        "order": order,
                        "strength": -strength if order else strength,
                        "score_a": None,
                        "score_b": None,
                        "length_a": len(answers[0]),
                        "length_b": len(answers[1]),
                        "facts": json.dumps(facts),
                        "conversation": json.dumps(turns),
                        "answers": json.dumps(answers),
                    },
                }
            )
    return rows
