"""CPU microseconds of RM-Gallery's rules, by our names. Run in its environment by `rules.py`."""

from measuring import per_item, read_texts, tell
from rm_gallery.core.data.schema import DataOutput, DataSample, Step
from rm_gallery.gallery.rm import general
from rm_gallery.gallery.rm.code import code
from rm_gallery.gallery.rm.format import format as formats
from rm_gallery.gallery.rm.math import math

RULES = {
    "accuracy": ("prose", 1000, general.AccuracyReward, {}),
    "code_patch_similarity": ("patch", 100, code.PatchSimilarityReward, {}),
    "code_style": ("code", 500, code.CodeStyleReward, {}),
    "code_syntax_check": ("code", 500, code.SyntaxCheckReward, {}),
    "f1_score": ("prose", 500, general.F1ScoreReward, {"tokenizer_type": "simple"}),
    "length_penalty": ("prose", 1000, formats.LengthPenaltyReward, {}),
    "math_verify_reward": ("math", 100, math.MathVerifyReward, {}),
    "ngram_repetition_penalty": ("prose", 500, formats.NgramRepetitionPenaltyReward, {"tokenizer_type": "simple"}),
    "ngram_repetition_penalty, jieba": (
        "prose",
        100,
        formats.NgramRepetitionPenaltyReward,
        {"tokenizer_type": "jieba"},
    ),
    "number_accuracy": ("prose", 500, general.NumberAccuracyReward, {}),
    "privacy_leakage": ("prose", 500, formats.PrivacyLeakageReward, {}),
    "reasoning_format": ("reasoning", 1000, formats.ReasoningFormatReward, {}),
    "reasoning_tool_call_format": ("tools", 1000, formats.ReasoningToolCallFormatReward, {}),
    "rouge": ("prose", 10, general.RougeReward, {}),
}


def sample_of(answer: str, reference: str) -> DataSample:
    """Return a sample of RM-Gallery's."""
    step = Step(role="assistant", content=answer, label={"reference": reference})
    return DataSample(unique_id="1", input=[], output=[DataOutput(answer=step)])


texts = read_texts()
figures = {}
for name, (kind, count, reward, fields) in RULES.items():
    samples = [sample_of(*text) for text in texts[kind][:count]]
    figures[name] = per_item(reward(**fields).evaluate, samples)
tell(figures)
