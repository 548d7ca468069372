"""Whether the reason of a judge that compares is right, where the facts of both answers are known.

How such a reason is written is the synthetic set's business: `city both, day B, food none`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from rm_train.data.synthetic_pairs import read_pair_reason

PairFacts = Mapping[str, Mapping[str, bool]]
"""A and B -> thing asked for -> whether that answer does it."""


def stated_facts(reason: str) -> PairFacts | None:
    """Return the facts that a reason states of both answers; None if it says anything else too, or a thing twice."""
    facts = read_pair_reason(reason)
    return None if facts is None else dict(zip("AB", facts, strict=True))


def parse_facts(text: str) -> PairFacts | None:
    """Read the facts of a row: a JSON object with the facts of A and of B; None if the row has none (empty text).

    Raises:
        ValueError: The text is not such an object.
    """
    if not text:
        return None
    facts = json.loads(text)
    if not isinstance(facts, dict) or set(facts) != {"A", "B"} or not all(map(_are_facts, facts.values())):
        raise ValueError(f"facts of a pair are a JSON object of A and B, each of names and true or false, got {text!r}")
    return facts if any(facts.values()) else None


def fact_accuracy(reason: str, facts: PairFacts) -> float:
    """Return the share (0 to 1) of the facts of both answers that a reason states rightly; 0 if it cannot be read.

    Raises:
        ValueError: There are no facts.
    """
    known = [(answer, thing, done) for answer, things in facts.items() for thing, done in things.items()]
    if not known:
        raise ValueError("there are no facts to compare a reason with")
    said = stated_facts(reason) or {}
    return sum(said.get(answer, {}).get(thing) is done for answer, thing, done in known) / len(known)


def _are_facts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(done, bool) for done in value.values())
