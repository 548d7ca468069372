"""What a reward is: an object configured by its fields that scores the answers of a sample.

A rule overrides `_evaluate`, a reward that waits for something overrides `_aevaluate`; the doors of `BaseReward` call
either. How a sample is cut into what one call scores is the pattern: an answer (`BasePointWiseReward`), all answers
(`BaseListWiseReward`), two of them (`BasePairWiseReward`) or a step (`BaseStepWiseReward`).
"""

from reward_fn.base.answers import answer_text, prompt_opens_thought, reference_text
from reward_fn.base.final_answer import Read, final_answer
from reward_fn.base.patterns import BaseListWiseReward, BasePairWiseReward, BasePointWiseReward, BaseStepWiseReward
from reward_fn.base.reward import BaseReward, failure_of
from reward_fn.base.rule import READ, BaseRuleReward, FinalAnswerReward, UnreadableResponseError

__all__ = [
    "READ",
    "BaseListWiseReward",
    "BasePairWiseReward",
    "BasePointWiseReward",
    "BaseReward",
    "BaseRuleReward",
    "BaseStepWiseReward",
    "FinalAnswerReward",
    "Read",
    "UnreadableResponseError",
    "answer_text",
    "failure_of",
    "final_answer",
    "prompt_opens_thought",
    "reference_text",
]
