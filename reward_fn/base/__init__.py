"""What a reward is: an object configured by its fields that scores the answers of a sample.

A rule overrides `_evaluate`, a reward that waits for something overrides `_aevaluate`; the doors of `BaseReward` call
either. How a sample is cut into what one call scores is the pattern: an answer (`BasePointWiseReward`), all answers
(`BaseListWiseReward`), two of them (`BasePairWiseReward`) or a step (`BaseStepWiseReward`).
"""

from reward_fn.base.answers import answer_text, reference_text
from reward_fn.base.patterns import BaseListWiseReward, BasePairWiseReward, BasePointWiseReward, BaseStepWiseReward
from reward_fn.base.reward import BaseReward, failure_of

__all__ = [
    "BaseListWiseReward",
    "BasePairWiseReward",
    "BasePointWiseReward",
    "BaseReward",
    "BaseStepWiseReward",
    "answer_text",
    "failure_of",
    "reference_text",
]
