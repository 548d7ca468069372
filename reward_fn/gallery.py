"""The rewards of this package by name, and where each one is.

A table and not an import, so that a name costs nothing until it is asked for.
"""

from __future__ import annotations

_SCENARIOS = (
    *("safety", "factuality", "detoxification", "focus", "math", "code", "reasoning", "precise_if", "chat"),
    *("brainstorming", "classification", "closed_qa", "open_qa", "generation", "rewrite", "role_playing"),
    *("summarization", "translation"),
)
_PATTERNS = {"listwise": "ListWiseReward", "pointwise": "PointWiseReward"}


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))


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
    "listwise_principles": "reward_fn.judges.principles:BaseListWisePrincipleReward",
    "listwise_ranking": "reward_fn.judges.ordering:ListwiseRankingReward",
    "math_verify_reward": "reward_fn.rules.math.math_verify:MathVerifyReward",
    "ngram_repetition_penalty": "reward_fn.rules.format.repetition:NgramRepetitionPenaltyReward",
    "number_accuracy": "reward_fn.rules.text.numbers:NumberAccuracyReward",
    "pairwise_principles": "reward_fn.judges.principles:BasePairWisePrincipleReward",
    "pairwise_judge": "reward_fn.judges.comparing:PairwiseJudgeReward",
    "pointwise_judge": "reward_fn.judges.rating:PointwiseJudgeReward",
    "pointwise_principles": "reward_fn.judges.principles:BasePointWisePrincipleReward",
    "privacy_leakage": "reward_fn.rules.privacy.leakage:PrivacyLeakageReward",
    "reasoning_format": "reward_fn.rules.format.reasoning:ReasoningFormatReward",
    "reasoning_tool_call_format": "reward_fn.rules.format.reasoning:ReasoningToolCallFormatReward",
    "regex_match": "reward_fn.rules.format.regex:RegexMatchReward",
    "rm_gallery": "reward_fn.adapters.rm_gallery.reward:RMGalleryReward",
    "rouge": "reward_fn.rules.text.rouge:RougeReward",
    "router": "reward_fn.compose.router:RouterReward",
    "rubric": "reward_fn.judges.rubric:RubricReward",
    "scale": "reward_fn.compose.transforms:ScaleReward",
    "shape": "reward_fn.compose.transforms:ShapeReward",
    "string_match": "reward_fn.rules.text.match:StringMatchReward",
    "tournament": "reward_fn.compose.tournament:TournamentReward",
    "votes": "reward_fn.compose.votes:VotesReward",
    "weighted_sum": "reward_fn.compose.weighted_sum:WeightedSumReward",
    **{
        f"base_{scenario}_{pattern}": f"reward_fn.judges.scenarios:Base{_camel(scenario)}{kind}"
        for scenario in ("helpfulness", "harmlessness", "honesty")
        for pattern, kind in _PATTERNS.items()
    },
    **{
        f"{scenario}_{pattern}_reward": f"reward_fn.judges.scenarios:{_camel(scenario)}{kind}"
        for scenario in _SCENARIOS
        for pattern, kind in _PATTERNS.items()
    },
}
