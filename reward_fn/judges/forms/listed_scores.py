r"""SPCT's form: principles of the judge's own, a critique, and a score from 1 to 10 for each of n answers.

DeepSeek-GRM (arXiv 2504.02495) writes `Specific Criteria: … Analysis: … Scores: \boxed{7, 4}`. Its training has no
reward for the form of criteria and analysis, so only the box is held to one. Samples are added up to vote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reward_fn.judges.forms.ends import only_box
from reward_fn.judges.forms.form import Form, better
from reward_fn.judges.pairwise import Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

SCORES = range(1, 11)
_PAIR = 2
_LIST = re.compile(r"\d{1,2}(?:\s*,\s*\d{1,2})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListedScores:
    """A judge's parsed verdict.

    Attributes:
        scores: One from 1 to 10 for each answer that was shown, or for more or fewer if the judge miscounts.
        reason: Its principles and its critique; may be empty.
    """

    scores: tuple[int, ...]
    reason: str

    @property
    def best(self) -> int | None:
        """The index of the answer with the highest score; None if several have it."""
        highest = max(self.scores)
        return self.scores.index(highest) if self.scores.count(highest) == 1 else None

    @property
    def preference(self) -> Preference:
        """The better one of two answers."""
        return better(*self.scores)


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask for principles, a critique and a score for each answer."""
    named = {f"answer_{number}": text for number, text in enumerate(answers, 1)}
    box = ", ".join("x" for _ in answers)
    return asked(
        "Score each answer from 1 to 10; a higher score is better. First write the criteria that matter for this "
        "query, with their weights; then analyse the answers by them. Neither their order nor their length is a merit.",
        sections(conversation, **named),
        "Reply in three lines:\nSpecific Criteria: the criteria and their weights\nAnalysis: of each answer\n"
        f"Scores: \\boxed{{{box}}}, one number for each answer in order",
    )


def parse(text: str) -> ListedScores | Failure:
    """Read the only box; how many scores it must hold is known to who asked."""
    found = only_box(text)
    if isinstance(found, Failure):
        return found
    before, written = found
    if _LIST.fullmatch(written) is None:
        return unparseable("the box holds no list of whole numbers with commas")
    scores = tuple(int(number) for number in written.split(","))
    if not all(score in SCORES for score in scores):
        return unparseable(f"a score is outside {SCORES[0]} to {SCORES[-1]}")
    return ListedScores(scores, before.removesuffix("Scores:").strip())


def parse_pair(text: str) -> ListedScores | Failure:
    """Read the only box, which holds two scores."""
    found = parse(text)
    if isinstance(found, ListedScores) and len(found.scores) != _PAIR:
        return unparseable(f"expected {_PAIR} scores, found {len(found.scores)}")
    return found


def write(verdict: ListedScores) -> str:
    """Write a verdict."""
    return f"{verdict.reason}\nScores: \\boxed{{{', '.join(map(str, verdict.scores))}}}"


def vote(
    samples: Sequence[Sequence[int]],
    orders: Sequence[Sequence[int]] | None = None,
    quality: Sequence[float] | None = None,
) -> list[int]:
    """Return the sum of each answer's scores over several samples: a finer scale than one sample has.

    Args:
        samples: The scores of each sample, in the order in which it was shown the answers.
        orders: For each sample, the index of the answer that it was shown first, second, …: samples are drawn with the
            answers shuffled, against the judge's bias to places. By default all were shown in their own order.
        quality: What a meta reward model makes of each sample; then the better half of the samples votes (k/2, rounded
            up; of equal ones those that come first). By default all do.

    Raises:
        ValueError: There is no sample, or the lengths do not fit.
    """
    if not samples:
        raise ValueError("there is no sample to vote")
    count = len(samples[0])
    shown = [range(count)] * len(samples) if orders is None else orders
    if len(shown) != len(samples) or any(sorted(order) != list(range(count)) for order in shown):
        raise ValueError(f"orders: for each of {len(samples)} samples, write each index below {count} once")
    if quality is not None and len(quality) != len(samples):
        raise ValueError(f"quality: there are {len(samples)} samples and {len(quality)} values")
    voters = list(range(len(samples)))
    if quality is not None:
        marks = quality
        voters = sorted(voters, key=lambda sample: -marks[sample])[: (len(samples) + 1) // 2]
    totals = [0] * count
    for voter in voters:
        for index, score in zip(shown[voter], samples[voter], strict=True):
            totals[index] += score
    return totals


FORM = Form(answers=None, ask=messages, parse=parse, write=write)
PAIR = Form(answers=_PAIR, ask=messages, parse=parse_pair, write=write, ties=True)
"""The same for two answers, where the scores are a preference."""
