"""Our own keys at the top of the config: of the right kind, and with a value that means something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import DictConfig

from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.pointwise import ATTRIBUTES
from rm_train.data.converters.chosen_rejected import USUAL_NAMES
from rm_train.launch.checks.problem import Problem
from rm_train.nearest import did_you_mean, nearest

Rule = Callable[[Any], str | None]
"""Returns what a value must be, or None when it is that."""


def _whole(smallest: int) -> Rule:
    expected = f"a whole number, {smallest} or more"
    return lambda value: None if type(value) is int and value >= smallest else expected


def _optional(rule: Rule) -> Rule:
    def check(value: object) -> str | None:
        expected = None if value is None else rule(value)
        return expected and f"{expected}, or null"

    return check


def _one_of(*choices: str) -> Rule:
    return lambda value: None if value in choices else f"one of {', '.join(choices)}"


def _counts(*names: str) -> Rule:
    expected = f"{' and '.join(names)}, each a whole number above 0"
    return lambda value: None if _are_counts(value, names) else expected


def _are_counts(value: object, names: Sequence[str]) -> bool:
    if isinstance(value, DictConfig) and set(value) <= set(names):
        return all(count is None or (type(count) is int and count > 0) for count in value.values())
    return False


def _names(*keys: str) -> Rule:
    expected = f"{', '.join(keys)}, each the name of a field or null"
    return lambda value: None if _are_names(value, keys) else expected


def _are_names(value: object, keys: Sequence[str]) -> bool:
    if isinstance(value, DictConfig) and set(value) <= set(keys):
        return all(name is None or (isinstance(name, str) and name) for name in value.values())
    return False


def _share(value: object) -> str | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
    return None if fits else "a share from 0 to below 1"


def _above_zero(value: object) -> str | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return None if fits else "a number above 0"


def _truth(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value else "text"


OWN_KEYS: dict[str, Rule] = {
    "steps": _whole(1),
    "seed": _whole(0),
    "attribute": _one_of(*ATTRIBUTES),
    "shuffle_targets": _truth,
    "on_bad_row": _one_of("stop", "skip"),
    "max_train_rows": _optional(_whole(1)),
    "max_val_rows": _optional(_whole(1)),
    "val_rows": _whole(1),
    "preflight_rows": _whole(0),
    "keep_checkpoints": _optional(_whole(1)),
    "keep_best": _truth,
    "runs_dir": _text,
    "run_dir": _text,
    "cache_dir": _text,
    "storage": _optional(_text),
    "base_model_source": _optional(_text),
    "base_model": _text,
    "base_model_path": _text,
    "longest_prompt": _whole(1),
    "lora_lr": _above_zero,
    "tuning": _text,
    "ray_address": _text,
    "ray_counts": _counts("num_cpus", "object_store_memory"),
    "cpu_sizes": _counts("batch", "micro_batch"),
    "dataset": _text,
    "dataset_path": _optional(_text),
    "dataset_fields": _names(*USUAL_NAMES),
    "tie_share": _share,
    "form": _one_of(*PAIR_FORMS),
    "drop_ties": _truth,
}
"""Each key that a config of ours adds to verl's, and what its value must be."""


def own_keys(config: DictConfig) -> list[Problem]:
    """Find values of our own keys that mean nothing."""
    return [
        _problem(key, config[key], expected)
        for key, rule in OWN_KEYS.items()
        if key in config and (expected := rule(config[key])) is not None
    ]


def _problem(key: str, value: object, expected: str) -> Problem:
    near = nearest(value, expected.removeprefix("one of ").split(", "), 1) if isinstance(value, str) else []
    return Problem(key, f"is {value!r}", f"write {expected}" + (f" ({did_you_mean(near)})" if near else ""))
