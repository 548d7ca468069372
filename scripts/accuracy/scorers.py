"""The scorers that `rule_accuracy.py` compares, each called as its owner does: ours, verl's, TRL's, plain math-verify.

Scorers of packages that are not installed are left out. math-verify and TRL end slow comparisons by signals, so all are
called in the main thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from reward_fn.base import BaseReward
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, Step

Outcome: TypeAlias = "float | str"
"""A score, or why there is none."""

STORED, BARE, BOXED = "as stored", "bare", "in a box"
"""Forms of a gold: as the set stores it; as verl's data scripts do, without dollars; in `\\boxed{}`."""


class Pair(NamedTuple):
    """A response, and the gold as the set stores it and as verl's data scripts do."""

    response: str
    gold: str
    bare: str


class Scorer(NamedTuple):
    """A scorer of several pairs, and the form of the gold that it is given.

    Attributes:
        name: As the tables call it.
        form: `STORED`, `BARE` or `BOXED`.
        score: Scores pairs.
        line: How the last line of a GSM8K solution is written where verl's prompts ask for it.
        numbers: Whether it scores nothing but numbers.
    """

    name: str
    form: str
    score: Callable[[Sequence[Pair]], list[Outcome]]
    line: str = r"\boxed{%s}"
    numbers: bool = False


def is_paid(outcome: Outcome) -> bool:
    """Return whether a response got the full score."""
    return isinstance(outcome, float) and outcome >= 1


def scorers() -> list[Scorer]:
    """Return the scorers whose packages are installed."""
    return [*_ours(), *_verl(), *_trl(), *_math_verify()]


def _ours() -> Iterator[Scorer]:
    yield Scorer("`math_verify_reward`", STORED, _batched(RewardRegistry.get("math_verify_reward")()))
    for measure in ("recall", "last"):
        rule = RewardRegistry.get("number_accuracy")(measure=measure)
        yield Scorer(f"`number_accuracy`, {measure}", STORED, _batched(rule), numbers=True)


def _verl() -> Iterator[Scorer]:
    if importlib.util.find_spec("verl") is None:
        return
    from verl.utils.reward_score import default_compute_score, gsm8k, math_verify

    def of(source: str) -> Callable[[str, str], Any]:
        return lambda response, gold: default_compute_score(source, response, gold)

    def flexible(response: str, gold: str) -> float:
        return float(gsm8k.compute_score(response, gold, method="flexible"))

    yield Scorer("verl `gsm8k`, strict", BARE, each(of("openai/gsm8k")), "#### %s", numbers=True)
    yield Scorer("verl `gsm8k`, flexible", BARE, each(flexible), "#### %s", numbers=True)
    yield Scorer("verl `math_reward`", BARE, each(of("DigitalLearningGmbH/MATH-lighteval")))
    yield Scorer("verl `math_dapo`", BARE, each(of("math_dapo")))
    yield Scorer("verl `prime_math`", BARE, each(of("numina_cn_k12")))
    yield Scorer("verl `math_verify`", BARE, each(math_verify.compute_score))


def _trl() -> Iterator[Scorer]:
    if importlib.util.find_spec("trl") is None:
        return
    from trl.rewards import accuracy_reward

    def score(response: str, gold: str) -> float | None:
        scores: list[float | None] = accuracy_reward([[{"role": "assistant", "content": response}]], [gold])
        return scores[0]

    for form in (STORED, BOXED):
        yield Scorer("TRL `accuracy_reward`", form, each(score, form))


def _math_verify() -> Iterator[Scorer]:
    from math_verify import parse, verify

    def score(response: str, gold: str) -> float:
        return float(verify(parse(gold), parse(response)))

    for form in (STORED, BOXED):
        yield Scorer("math-verify alone", form, each(score, form))


def _batched(reward: BaseReward) -> Callable[[Sequence[Pair]], list[Outcome]]:
    def score(pairs: Sequence[Pair]) -> list[Outcome]:
        samples = [
            DataSample(output=[DataOutput(answer=Step(content=pair.response, label={"reference": pair.gold}))])
            for pair in pairs
        ]
        results = (results[0] for results in reward.score_batch(samples))
        return [one.failure.detail if one.failure else float(one.score or 0) for one in results]

    return score


def each(score: Callable[[str, str], Any], form: str = BARE) -> Callable[[Sequence[Pair]], list[Outcome]]:
    """Return a scorer of several pairs from a function of a response and a gold.

    What the function raises or prints is why there is no score: verl's scorers print what they catch, and return 0.
    """

    def one(pair: Pair) -> Outcome:
        gold = {STORED: pair.gold, BARE: pair.bare, BOXED: rf"\boxed{{{pair.bare}}}"}[form]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                found = score(pair.response, gold)
        except Exception as error:  # noqa: BLE001 - what others' scorers raise is what is counted
            return f"{type(error).__name__}: {error}"
        if printed.getvalue():
            return printed.getvalue().strip()
        if isinstance(found, dict):
            found = found["score"]
        return "None" if found is None else float(found)

    return lambda pairs: [one(pair) for pair in pairs]
