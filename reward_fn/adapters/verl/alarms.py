"""Signs of reward hacking: what a policy does when it has found how to be paid without doing better.

Each is a number for every training batch, so that it can be looked at later, and a warning when its mean over the last
steps passes a threshold. They say what is worth a look; no run is stopped for them.

- `spread`: the standard deviation of scores within groups, as a share of the largest that was seen. Near 0 all answers
  to a prompt are paid alike, and GRPO learns from noise.
- `dominance`: the largest share of the score's variance within groups that one part explains (its r squared). Near 1
  the other parts of a mix have no say.
- `length`: the correlation of score and length within groups. Rewards that grow with length are the commonest leak.
- `identical`: the share of answers that repeat another one of their group to the token.
- `saturated`: how far one part has fallen over the window, in standard deviations of its scores, while another is at
  its top for all answers: as when the form is perfect and the judge's opinion goes down.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

logger = logging.getLogger(__name__)

_SMALL = 1e-9
_GONE = 0.8
"""A warning is given again only after the mean was this far on the right side of its threshold."""
_SAID = {
    "spread": "rewards within groups are nearly alike: their spread is {mean:.0%} of the largest, and advantages are "
    "mostly noise",
    "dominance": "one part explains {mean:.0%} of the reward, and the others have no say",
    "length": "longer answers are paid more: the correlation is {mean:.2f}; see whether they are better",
    "identical": "{mean:.0%} of the answers repeat another one of their group",
    "saturated": "one part is at its top for all answers, and another has fallen by {mean:.1f} standard deviations; "
    "the policy may have found a form that is paid for by itself",
}


class AlarmSettings(BaseModel):
    """From when on there is a warning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: int = Field(default=20, ge=2, description="steps whose mean counts; before so many there are no warnings")
    spread: float = Field(default=0.1, ge=0, le=1, description="a spread below this share of the largest")
    dominance: float = Field(default=0.95, ge=0, le=1, description="an r squared of one part above this")
    length: float = Field(default=0.6, ge=0, le=1, description="a correlation with the length above this")
    identical: float = Field(default=0.5, ge=0, le=1, description="a share of repeated answers above this")
    saturated: float = Field(default=0.3, ge=0, description="a fall of a part, in standard deviations, above this")


@dataclass(frozen=True, slots=True)
class Batch:
    """The rewards of a training batch, without those that failed; all arrays have an entry for each answer.

    Attributes:
        groups: The prompt that is answered, by a number from 0.
        scores: The score.
        lengths: The answer's tokens.
        parts: The scores of the parts.
        identical: The share of answers that repeat another one of their group, 0 to 1.
    """

    groups: np.ndarray
    scores: np.ndarray
    lengths: np.ndarray
    parts: Mapping[str, np.ndarray]
    identical: float


class Alarms:
    """Watches the batches of a run.

    Args:
        settings: The thresholds.
        of: What the rewards are called in a warning, if there are others beside them.
    """

    def __init__(self, settings: AlarmSettings, of: str = "") -> None:
        self._settings, self._of = settings, of
        self._signs: dict[str, deque[float]] = defaultdict(self._window)
        self._means: dict[str, deque[float]] = defaultdict(self._window)
        self._deviations: dict[str, deque[float]] = defaultdict(self._window)
        self._largest_spread = 0.0
        self._warned: set[str] = set()

    def _window(self) -> deque[float]:
        return deque(maxlen=self._settings.window)

    def watch(self, step: int, batch: Batch) -> dict[str, float]:
        """Take a batch in, and warn where a sign is clear.

        Args:
            step: The training step, for the warnings.
            batch: The batch.

        Returns:
            The signs by their names; `dominance` and `saturated` need two parts.
        """
        if not len(batch.scores):
            return {}
        scores = _within(batch.groups, batch.scores)
        signs = {
            "spread": self._spread(scores),
            "length": _correlation(scores, _within(batch.groups, batch.lengths)),
            "identical": batch.identical,
        }
        if len(batch.parts) > 1:
            explained = [_correlation(scores, _within(batch.groups, part)) ** 2 for part in batch.parts.values()]
            signs |= {"dominance": max(explained), "saturated": self._saturated(batch.parts)}
        for sign, value in signs.items():
            self._signs[sign].append(value)
            self._warn(step, sign)
        return signs

    def _spread(self, scores: np.ndarray) -> float:
        spread = float(np.sqrt(np.mean(scores**2)))
        self._largest_spread = max(self._largest_spread, spread)
        return spread / self._largest_spread if self._largest_spread > _SMALL else 0.0

    def _saturated(self, parts: Mapping[str, np.ndarray]) -> float:
        """Return the fall of the part that has fallen most, if another one is at its top."""
        falls = [0.0]
        at_top = False
        for name, values in parts.items():
            self._means[name].append(float(values.mean()))
            self._deviations[name].append(float(values.std()))
            means = np.asarray(self._means[name])
            if values.std() < _SMALL and means[-1] >= means.max() - _SMALL:
                at_top = True
            elif len(means) > 1:
                half = len(means) // 2
                deviation = float(np.mean(self._deviations[name]))
                falls.append(float(means[:half].mean() - means[half:].mean()) / max(deviation, _SMALL))
        return max(falls) if at_top else 0.0

    def _warn(self, step: int, sign: str) -> None:
        """Warn when a sign has passed its threshold, and once more only after it was gone."""
        seen, threshold = self._signs[sign], getattr(self._settings, sign)
        if len(seen) < self._settings.window:
            return
        mean = sum(seen) / len(seen)
        # How far it has gone, with 1 at the threshold.
        share = (threshold / max(mean, _SMALL)) if sign == "spread" else mean / max(threshold, _SMALL)
        if share > 1 and sign not in self._warned:
            self._warned.add(sign)
            of = f" ({self._of})" if self._of else ""
            said = _SAID[sign].format(mean=mean)
            logger.warning("step %d, reward%s: %s (over %d steps)", step, of, said, self._settings.window)
        elif share < _GONE:
            self._warned.discard(sign)


def _within(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values less the mean of their group: what GRPO compares."""
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    return np.asarray(values - (sums / np.maximum(counts, 1))[groups])


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float(np.clip((first * second).sum() / scale, -1, 1)) if scale > _SMALL else 0.0


def repeated_share(groups: Sequence[Sequence[bytes]]) -> float:
    """Return the share of answers that repeat another one of their group.

    Args:
        groups: For each group, its answers.

    Returns:
        The mean over the groups with two answers or more of (answers - different ones) / (answers - 1): 0 when all
        differ, 1 when all are the same.
    """
    shares = [(len(group) - len(set(group))) / (len(group) - 1) for group in groups if len(group) > 1]
    return sum(shares) / len(shares) if shares else 0.0
