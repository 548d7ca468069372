"""CPU microseconds of our rules, and wall time of batches. Run in a process of its own by `rules.py`."""

import math
import os
import sys
import time
from pathlib import Path

import psutil
from measuring import Texts, per_item, read_texts, tell

import reward_fn
from reward_fn.base import BaseReward
from reward_fn.gallery import GALLERY
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, Step

GSM8K = "math_verify_reward, GSM8K"
"""Measured if the texts have labelled solutions."""
KINDS = {
    "code_execution": "code", "code_patch_similarity": "patch", "code_style": "code", "code_syntax_check": "code",
    "json_schema": "tools", "math_verify_reward": "math", GSM8K: "gsm8k", "reasoning_format": "reasoning",
    "reasoning_tool_call_format": "tools",
}  # fmt: skip
"""Which texts a rule gets, if not prose."""
FIELDS = {"json_schema": {"json_schema": {"type": "object"}}, "regex_match": {"pattern": ".*therefore.*"}}
SETTINGS = {
    "f1_score": {"tokenizer_type": "simple"},
    "ngram_repetition_penalty": {"tokenizer_type": "simple"},
}
VARIANTS = {
    "f1_score, jieba": {"tokenizer_type": "jieba"},
    "ngram_repetition_penalty, jieba": {"tokenizer_type": "jieba"},
}
COUNTS = {"cheap": 1000, "heavy": 100, "code_execution": 150, "math_verify_reward": 1000, GSM8K: 2600}
"""Samples of the measurement of CPU, by the rule or its cost."""
BATCH_S = 1.0
"""A batch is of 8,192 samples, or of as many as take about so long."""
ROUNDS = 3
"""Batches and loops, taking turns; the fastest of each counts."""


def cpu() -> float:
    """Return the CPU seconds of this process and of its workers, of those that have ended too."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        total += sum(process.cpu_times()[:4])
    return total


def cpu_figures(rule: BaseReward, samples: list[DataSample]) -> dict[str, float]:
    """Return the CPU microseconds of `evaluate` and of `score` for a sample.

    A rule that uses worker processes gets each sample once: they keep what they have parsed.
    """
    if rule.cost != "process":
        return {"evaluate": per_item(rule.evaluate, samples), "score": per_item(rule.score, samples)}
    third = len(samples) // 3
    for sample in samples[:third]:  # the workers start, and import
        rule.score(sample)
    return {
        "evaluate": per_item(rule.evaluate, samples[third : 2 * third], cpu, rounds=1),
        "score": per_item(rule.score, samples[2 * third :], cpu, rounds=1),
    }


def rules(texts: Texts) -> dict[str, BaseReward]:
    """Return the rules of the gallery, by their names in the table."""
    made = {}
    for name, place in GALLERY.items():
        if place.startswith("reward_fn.rules."):
            fields = {**FIELDS.get(name, {}), **SETTINGS.get(name, {})}
            made[name] = RewardRegistry.get(name)(**fields)
    for variant, fields in VARIANTS.items():
        made[variant] = RewardRegistry.get(variant.partition(",")[0])(**fields)
    if "gsm8k" in texts:
        made[GSM8K] = RewardRegistry.get("math_verify_reward")()
    return made


def batch_figures(rule: BaseReward, samples: list[DataSample], *, loop: bool) -> dict[str, float]:
    """Return the wall time of batches, and of a loop over the same samples, in microseconds a sample.

    The samples are given again until they are 8,192, or so many that a batch takes about as long as it may.
    """
    began = time.perf_counter()
    rule.evaluate_batch(samples)
    per_sample = (time.perf_counter() - began) / len(samples)
    count = min(8192, max(len(samples), int(BATCH_S / per_sample)))
    many = (samples * (count // len(samples) + 1))[:count]
    doors = {"batch": lambda: rule.evaluate_batch(many)}
    if loop:
        doors["loop"] = lambda: [rule.evaluate(one) for one in many]
    walls = dict.fromkeys(doors, math.inf)
    for _ in range(ROUNDS):
        for name, score in doors.items():
            began = time.perf_counter()
            score()
            walls[name] = min(walls[name], (time.perf_counter() - began) / count * 1e6)
    return {**walls, "samples": count}


def sample_of(answer: str, reference: str) -> DataSample:
    """Return a sample."""
    return DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": reference}))])


def main() -> None:
    """Measure each rule, or with `--scaling` only the batches of those that use several cores."""
    if not Path(reward_fn.__file__).is_relative_to(os.environ["PYTHONPATH"]):
        sys.exit(f"{reward_fn.__file__} is not of the checkout that is to be measured")
    texts = read_texts()
    scaling = "--scaling" in sys.argv
    figures = {}
    for name, rule in rules(texts).items():
        count = COUNTS.get(name) or COUNTS[rule.cost]
        samples = [sample_of(*text) for text in texts[KINDS.get(name, "prose")][:count]]
        if not scaling:
            failure = rule.score(samples[0])[0].failure
            figures[name] = {"failure": failure.detail} if failure else {
                **cpu_figures(rule, samples),
                **batch_figures(rule, samples, loop=True),
            }  # fmt: skip
        elif rule.cost == "process" or rule._heavy:
            figures[name] = batch_figures(rule, samples * 2, loop=False)
    tell(figures)


if __name__ == "__main__":
    main()
