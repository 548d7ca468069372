"""The synthetic pairs: HelpSteer2's shape, and beside the preference the scores and facts that it rests on."""

from __future__ import annotations

from reward_fn.judges.verdict_text import Message
from rm_train.data.converters.pair import Pair, by_strength
from rm_train.data.fields import Fields
from rm_train.data.synthetic import read_facts


def convert(row: Fields) -> Pair:
    """Convert one row.

    Raises:
        RowProblem: The prompt, a response or the strength cannot be used.
    """
    prompt, answers = row.text("prompt"), (row.text("response_1"), row.text("response_2"))
    facts = read_facts(prompt, answers[0]), read_facts(prompt, answers[1])
    scores = float(sum(facts[0].values())), float(sum(facts[1].values()))
    conversation: list[Message] = [{"role": "user", "content": prompt}]
    return by_strength(row, "preference_strength", conversation, answers, scores=scores, facts=facts)
