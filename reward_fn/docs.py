"""Writes `docs/rewards.md` from the rewards themselves: `python -m reward_fn.docs > docs/rewards.md`."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from reward_fn.base import BaseReward, FinalAnswerReward, final_answer
from reward_fn.gallery import GALLERY
from reward_fn.registry import RewardRegistry, default_range, summary

_COSTS = {
    "cheap": "microseconds",
    "heavy": "milliseconds; batches go to worker processes",
    "process": "a worker process, with a time limit",
    "llm": "a request to an LLM",
    "model": "a model's forward pass",
    "parts": "that of its parts",
}
_START = """\
# The rewards

Written by `python -m reward_fn.docs`; a test compares. `RewardRegistry.get(NAME)(FIELD=VALUE, …)` makes one, and so
does a YAML file with `reward: NAME` and its fields (`reward_fn.load_reward`). Ranges are those of the defaults; "as
set" depends on fields that have none. `name`, the name in results, is a field of every reward.
Rewards that packages bring by entry points, such as the training reward of `rm_train`, are in `rm-train rewards`.
"""
_UNREADABLE = """
**`thought_opened`** says that the prompt already opened the thought, as chat templates of DeepSeek-R1 and others do: a
response without the closing mark is all thought then and has no final answer. Set the field, or
`metadata["thought_opened"] = True` of single samples; the verl reward manager and `rm-train score` set the latter where
the rendered prompt ends with an opening mark. `think_prefilled`, the name that three format rules had for it in version
0.1, is accepted in their configs.

**`on_unreadable`** is the score of a response that a rule cannot read: it has no final answer, is too long, or takes
too long to compare. It is any finite number, also one outside the reward's range. By default it is the lower end of the
range, or 0 where that end is open (`privacy_leakage` and `length_penalty` without `max_penalty`), and 0 in
`ngram_repetition_penalty`. Such a result has the reason `unreadable: …` and `extra_data["unreadable"]`. It is no
failure: those are for what the row, the server, the config or a bug causes. A reference that is missing or cannot be
used is a failure whatever the response, and its detail names the row.

What changed against version 0.1:

- These read what follows the thought, and read the whole response before: `accuracy`, `string_match`, `f1_score`,
  `bleu`, `chrf`, `rouge`, `number_accuracy`, `math_verify_reward`, `json_schema`, `code_syntax_check`, `code_style`,
  `code_patch_similarity`, `privacy_leakage`, and the judges. `read: whole` is as before.
- `code_execution` cut the response at its last `</think>`, also at one that the program prints. It knows the marks of
  all families, skips quoted and fenced ones, and finds no program in a thought that is not closed.
- `reasoning_format`, `reasoning_tool_call_format`, `length_penalty`, `ngram_repetition_penalty` and `regex_match` read
  the whole response, as before.
- A response with a thought that is not closed has no final answer: matches, math, code and JSON give it 0 (or the lower
  end of their range), where they paid what the thought said.
- These were failures and are the score `on_unreadable`: responses of more than `max_characters`, patterns that take too
  long on a response, too many words, blocks or values, a missing thought with `analyze_scope: thought`.
- Values that a program returns and that cannot be compared (keys that JSON has no form for, numbers beyond floats)
  were failures and are wrong results of the test.
- References may be numbers or lists of numbers; they are compared as their digits. NaN is no reference.
"""
_MATCHES = """\
## What matches pay wrongly

A rule that looks for the reference anywhere in a text pays answers that only mention it. Trained on such a reward, a
policy learns to list candidates.

| reward | reference | paid 1 |
| --- | --- | --- |
| `string_match`, `mode: contains` | Paris | `It is not Paris.`, `Paris or Rome`, `London, Paris, Rome, Madrid, …` |
| `string_match`, `mode: prefix` | Paris | `Paris or Rome` |
| `string_match`, `mode: suffix` | Paris | `It is not Paris` |
| `number_accuracy`, `measure: recall` (default) | 18 | `She sells 18 eggs and makes 36.`, `16, 17, 18, 19` |

Measured on 2,638 solutions of GSM8K problems by four models with the published labels (`openai/grade-school-math`,
first half of the test problems): 1,008 are right, 1,630 wrong. The reference is the number after `A:` in
`ground_truth`. Paid means a score of 1. A test computes the table from the file where it is there
(`tests/rules/text/test_gsm8k.py`).

| reward | wrong ones paid | right ones not paid | mean score of right ones | of wrong ones |
| --- | --- | --- | --- | --- |
| `{reward: number_accuracy}` | 222 | 0 | 1.000 | 0.136 |
| `{reward: number_accuracy, measure: precision}` | 0 | 1,008 | 0.054 | 0.006 |
| `{reward: number_accuracy, measure: f1}` | 0 | 1,008 | 0.102 | 0.012 |
| `{reward: number_accuracy, measure: last}` | 0 | 0 | 1.000 | 0.000 |
| `{reward: number_accuracy, read: last_line}` | 0 | 0 | 1.000 | 0.000 |
| `{reward: string_match, mode: contains}` | 357 | 5 | 0.995 | 0.219 |
| `{reward: string_match, mode: suffix}` | 25 | 6 | 0.994 | 0.015 |
| `{reward: string_match, read: last_number}` | 0 | 6 | 0.994 | 0.000 |

The 6 right ones that `string_match` does not pay write `65960` where the reference has `65,960`, or the reverse.
"""


def page() -> str:
    """Return the whole page."""
    rewards = [(name, RewardRegistry.get(name)) for name in sorted(GALLERY)]
    names = {reward: name for name, reward in rewards}
    sections = (line for name, reward in rewards for line in _section(name, reward, names))
    return "\n".join([_START, *_overview(rewards), *_answer_section(rewards), _MATCHES, *sections])


def _answer_section(rewards: list[tuple[str, type[BaseReward]]]) -> Iterator[str]:
    described = inspect.cleandoc(sys.modules[final_answer.__module__].__doc__ or "")
    text, _, example = described.partition("\n\nExample:\n")
    yield f"## The final answer\n\n{text}\n\n```python\n{textwrap.dedent(example)}\n```\n"
    yield "The defaults of `read`, a field of each of these rewards:\n"
    yield "| `read` | rewards |"
    yield "| --- | --- |"
    by_default: dict[str, dict[str, None]] = {}
    for name, reward in rewards:
        if issubclass(reward, FinalAnswerReward):
            shown = "all judges (cost `llm`)" if reward.cost == "llm" else f"`{name}`"
            by_default.setdefault(reward.model_fields["read"].default, {})[shown] = None
    for read, names in sorted(by_default.items()):
        yield f"| `{read}` | {', '.join(names)} |"
    yield _UNREADABLE


def _overview(rewards: list[tuple[str, type[BaseReward]]]) -> Iterator[str]:
    yield "| name | measures | range | formula | cost | version | source |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, reward in rewards:
        source = reward.source or "this package"
        version = str(reward.version)
        cells = [summary(reward), default_range(reward), f"`{reward.formula}`", reward.cost, version, source]
        yield f"| [`{name}`](#{name}) | {' | '.join(map(_cell, cells))} |"
    yield ""


def _section(name: str, reward: type[BaseReward], names: Mapping[type[BaseReward], str]) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"`{reward.__module__}.{reward.__name__}`, {reward.scoring_pattern}; cost: {_COSTS[reward.cost]}.\n"
    yield f"{inspect.getdoc(reward)}\n"
    fields = [(key, field) for key, field in reward.model_fields.items() if key != "name"]
    parents = (parent for parent in reward.__mro__[1:] if issubclass(parent, BaseReward))
    base = next((parent for parent in parents if parent in names), None)
    if base:
        known = base.model_fields
        fields = [(key, field) for key, field in fields if key not in known or _default(field) != _default(known[key])]
        yield f"Its fields are those of [`{names[base]}`](#{names[base]}){', but for these:' if fields else '.'}\n"
    if fields:
        yield "| field | default | meaning |"
        yield "| --- | --- | --- |"
        for key, field in fields:
            yield f"| `{key}` | {_cell(_default(field))} | {_cell(field.description or '')} |"
        yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    default = field.get_default(call_default_factory=True)
    choices = [value for value in get_args(field.annotation) if isinstance(value, str)]
    others = f" of {', '.join(f'`{value}`' for value in choices)}" if len(choices) > 1 else ""
    return f"`{default}`{others}" if default is not PydanticUndefined else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(page())
