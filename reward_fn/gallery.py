"""The rewards of this package by name, and where each one is.

A table and not an import, so that a name costs nothing until it is asked for.
"""

from __future__ import annotations

GALLERY = {
    "accuracy": "reward_fn.rules.text.accuracy:AccuracyReward",
    "bleu": "reward_fn.rules.text.bleu:BleuReward",
    "cached": "reward_fn.compose.cached:CachedReward",
    "chrf": "reward_fn.rules.text.bleu:ChrfReward",
    "clip": "reward_fn.compose.transforms:ClipReward",
    "code_execution": "reward_fn.rules.code.execution:CodeExecutionReward",
    "code_patch_similarity": "reward_fn.rules.code.patch:PatchSimilarityReward",
    "code_style": "reward_fn.rules.code.style:CodeStyleReward",
    "code_syntax_check": "reward_fn.rules.code.syntax:SyntaxCheckReward",
    "f1_score": "reward_fn.rules.text.f1:F1ScoreReward",
    "gate": "reward_fn.compose.gate:GateReward",
    "json_schema": "reward_fn.rules.format.json_schema:JsonSchemaReward",
    "length_penalty": "reward_fn.rules.format.length:LengthPenaltyReward",
    "math_verify_reward": "reward_fn.rules.math.math_verify:MathVerifyReward",
    "ngram_repetition_penalty": "reward_fn.rules.format.repetition:NgramRepetitionPenaltyReward",
    "number_accuracy": "reward_fn.rules.text.numbers:NumberAccuracyReward",
    "privacy_leakage": "reward_fn.rules.privacy.leakage:PrivacyLeakageReward",
    "reasoning_format": "reward_fn.rules.format.reasoning:ReasoningFormatReward",
    "reasoning_tool_call_format": "reward_fn.rules.format.reasoning:ReasoningToolCallFormatReward",
    "regex_match": "reward_fn.rules.format.regex:RegexMatchReward",
    "rouge": "reward_fn.rules.text.rouge:RougeReward",
    "router": "reward_fn.compose.router:RouterReward",
    "scale": "reward_fn.compose.transforms:ScaleReward",
    "shape": "reward_fn.compose.transforms:ShapeReward",
    "string_match": "reward_fn.rules.text.match:StringMatchReward",
    "weighted_sum": "reward_fn.compose.weighted_sum:WeightedSumReward",
}
