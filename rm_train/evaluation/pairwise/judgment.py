"""What a judge said about one order of a pair."""

from __future__ import annotations

from dataclasses import dataclass

from reward_fn.judges.pairwise import PREFERENCES, Preference


@dataclass(frozen=True, slots=True, kw_only=True)
class PairJudgment:
    """A verdict, and what is known of the pair.

    Attributes:
        pair_id: The same for both rows of a pair.
        order: 0 as the pair stands in the data, 1 swapped.
        target: The better answer.
        predicted: The answer that the judge prefers; None if its verdict could not be read.
        failure: The kind of failure; set exactly where `predicted` is None.
        longer: The longer answer; None if they are of one length or the data has no lengths.
        strength: How much better the better answer is, 0 (a tie) to 3; None where the data does not say.
        reason_right: Whether the reason is right in every fact; None if the row has no facts to check it by.
        fact_accuracy: The share (0 to 1) of the row's facts that the reason states rightly; None as above.

    Raises:
        ValueError: A preference is none, or a verdict has both a preference and a failure or neither.
    """

    pair_id: str
    order: int
    target: Preference
    predicted: Preference | None
    failure: str | None = None
    longer: Preference | None = None
    strength: int | None = None
    reason_right: bool | None = None
    fact_accuracy: float | None = None

    def __post_init__(self) -> None:
        if self.target not in PREFERENCES:
            raise ValueError(f"the target {self.target!r} is none of {', '.join(PREFERENCES)}")
        if self.predicted is not None and self.predicted not in PREFERENCES:
            raise ValueError(f"the prediction {self.predicted!r} is none of {', '.join(PREFERENCES)}")
        if (self.predicted is None) != (self.failure is not None):
            raise ValueError("a verdict has either a preference or a failure")

    @property
    def right(self) -> bool:
        """Whether the verdict is the true one; one that could not be read is wrong."""
        return self.predicted == self.target

    @property
    def decided(self) -> bool:
        """Whether the verdict is for one of the answers."""
        return self.predicted in ("A", "B")

    @property
    def decidable(self) -> bool:
        """Whether one of the answers is better."""
        return self.target != "tie"
