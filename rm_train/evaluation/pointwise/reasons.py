"""Whether a judge's reason is right, not only its score.

A judge can learn to guess scores and write anything as its reason. On data whose facts are known (the synthetic set)
a reason names each thing that was asked for and whether the answer does it, like `city yes, day no`, and can be
checked. Other data has no such facts, and then nothing is said about reasons.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping

_STATEMENT = re.compile(r"(\w+) (yes|no)")


def parse_facts(text: str) -> dict[str, bool] | None:
    """Read the facts of a row: a JSON object of thing -> done; None if the row has none (empty text or object).

    Raises:
        ValueError: The text is not such an object.
    """
    if not text:
        return None
    facts = json.loads(text)
    if not isinstance(facts, dict) or not all(isinstance(done, bool) for done in facts.values()):
        raise ValueError(f"facts are a JSON object of names and true or false, got {text[:80]!r}")
    return facts or None


def reason_is_right(reason: str, facts: Mapping[str, bool]) -> bool:
    """Whether a reason states exactly these facts, each once, in any order, and nothing else."""
    statements = [_STATEMENT.fullmatch(part.strip()) for part in reason.split(",")]
    stated = [(found[1], found[2] == "yes") for found in statements if found]
    return len(stated) == len(statements) == len(facts) and dict(stated) == dict(facts)


def fact_accuracy(reason: str, facts: Mapping[str, bool]) -> float:
    """Return the share (0 to 1) of these facts that a reason states, once and rightly.

    What else it says does not matter; a thing stated twice is not stated rightly, since one of the two may be a hedge.

    Raises:
        ValueError: There are no facts.
    """
    if not facts:
        raise ValueError("there are no facts to compare a reason with")
    matches = [found for part in reason.split(",") if (found := _STATEMENT.fullmatch(part.strip()))]
    times = Counter(found[1] for found in matches)
    said = {found[1]: found[2] == "yes" for found in matches if times[found[1]] == 1}
    return sum(said.get(thing) is done for thing, done in facts.items()) / len(facts)
