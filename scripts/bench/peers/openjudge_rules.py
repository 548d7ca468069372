"""CPU microseconds of OpenJudge's graders, by our names. Run in its environment by `rules.py`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from measuring import per_item, read_texts, tell
from openjudge.graders.code.code_style import CodeStyleGrader
from openjudge.graders.code.patch_similarity import PatchSimilarityGrader
from openjudge.graders.code.syntax_checker import SyntaxCheckGrader
from openjudge.graders.format.length_penalty import LengthPenaltyGrader
from openjudge.graders.format.ngram_repetition_penalty import NgramRepetitionPenaltyGrader
from openjudge.graders.format.reasoning_format import ReasoningFormatGrader
from openjudge.graders.format.reasoning_tool_format import ReasoningToolCallFormatGrader
from openjudge.graders.math.math_expression_verify import MathExpressionVerifyGrader
from openjudge.graders.text.number_accuracy import NumberAccuracyGrader
from openjudge.graders.text.similarity import SimilarityGrader
from openjudge.graders.text.string_match import StringMatchGrader

RULES = {
    "accuracy": ("prose", 1000, StringMatchGrader, {"algorithm": "exact_match"}),
    "bleu": ("prose", 50, SimilarityGrader, {"algorithm": "bleu"}),
    "chrf": ("prose", 50, SimilarityGrader, {"algorithm": "chrf"}),
    "code_patch_similarity": ("patch", 100, PatchSimilarityGrader, {}),
    "code_style": ("code", 500, CodeStyleGrader, {}),
    "code_syntax_check": ("code", 500, SyntaxCheckGrader, {}),
    "f1_score": ("prose", 50, SimilarityGrader, {"algorithm": "f1_score"}),
    "length_penalty": ("prose", 1000, LengthPenaltyGrader, {}),
    "math_verify_reward": ("math", 100, MathExpressionVerifyGrader, {}),
    "ngram_repetition_penalty": ("prose", 500, NgramRepetitionPenaltyGrader, {"tokenizer_type": "simple"}),
    "ngram_repetition_penalty, jieba": ("prose", 100, NgramRepetitionPenaltyGrader, {"tokenizer_type": "jieba"}),
    "number_accuracy": ("prose", 500, NumberAccuracyGrader, {}),
    "reasoning_format": ("reasoning", 1000, ReasoningFormatGrader, {}),
    "reasoning_tool_call_format": ("tools", 1000, ReasoningToolCallFormatGrader, {}),
    "rouge": ("prose", 20, SimilarityGrader, {"algorithm": "rougeL"}),
    "string_match": ("prose", 1000, StringMatchGrader, {"algorithm": "exact_match"}),
}
TAKES = ("response", "reference_response")


def grading(grader: Any) -> Callable[[tuple[str, str]], Coroutine[Any, Any, object]]:  # noqa: ANN401
    """Return what grades a text with a grader; those without a reference do not take one."""
    names = grader._aevaluate.__code__.co_varnames

    def grade(text: tuple[str, str]) -> Coroutine[Any, Any, object]:
        given = {"response": text[0]} | ({"reference_response": text[1]} if "reference_response" in names else {})
        graded: Coroutine[Any, Any, object] = grader.aevaluate(**given)
        return graded

    return grade


texts = read_texts()
figures = {}
loop = asyncio.new_event_loop()
for name, (kind, count, make, fields) in RULES.items():
    grade = grading(make(**fields))
    figures[name] = per_item(lambda text, grade=grade: loop.run_until_complete(grade(text)), texts[kind][:count])
tell(figures)
