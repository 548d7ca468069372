"""The rewards of a training batch in figures."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from types import MappingProxyType

import numpy as np

from reward_fn.adapters.verl.scorer import KINDS, MEASURES

_OF_FAILURES = ("failed", *MEASURES)
_OF_ALL_ROUTES = ("score", *_OF_FAILURES)
_OF_NO_ROUTE = ("in_flight",)
"""Numbers of a process, in which the routes are together."""
_CODES = ("route", "failure_kind")
"""Numbers that stand for words, of which a mean says nothing."""

_FIGURES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.mean,
    "std": np.std,
    "min": np.min,
    "max": np.max,
    "sum": np.sum,
    **{f"p{share}": lambda values, share=share: np.percentile(values, share) for share in (50, 95, 99)},  # type: ignore[misc]
}
_OF_SCORES = ("mean", "std", "min", "max")
_OF_TIMES = ("mean", "p50", "p95", "p99", "max")
_OF_AMOUNTS = ("mean", "max", "sum")
_TOLD = {
    "failed": ("mean",),
    "cached": ("mean",),
    "seconds": _OF_TIMES,
    "queue_seconds": _OF_TIMES,
    "work_seconds": _OF_TIMES,
    "tokens": _OF_AMOUNTS,
    "cost": _OF_AMOUNTS,
    "in_flight": ("mean", "max"),
}
"""The figures of our own numbers that say something; all others have those of scores."""


def failure_kind(sample: Mapping[str, object]) -> str | None:
    """Return why a sample has no score, or None if it has one."""
    kind = sample.get("failure_kind")
    return KINDS[int(kind) - 1].value if isinstance(kind, float) and kind else None


def reward_metrics(
    samples: Sequence[Mapping[str, object]], routes: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, float]:
    """Return statistics of the numeric parts of some samples' rewards.

    Args:
        samples: What `compute_score` returned beside the score, one mapping for each sample.
        routes: By name, the routes that a sample's `route` counts from 0, with the parts of each; a sample has zeros
            for the parts of the others.

    Returns:
        `reward/<key>/<figure>` over the samples that have the key as a finite number, with the figures of `_TOLD` for
        our own numbers and mean, std, min and max for others; `reward/num_samples`; and `reward/failed/<kind>` with
        the share of samples for each kind of failure that there was; nothing at all when no sample has any part. A
        sample that is marked as failed counts in `failed` and in what scoring took only, since its other numbers say
        nothing. With more than one route, the statistics of each stand under `reward/<route>/` instead, and those of
        scores, failures and what scoring took in both places.
    """
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for sample in samples:
        for key, value in _numbers(sample):
            for name in _names(key, sample, routes):
                values[name, key].append(value)
    count = sum(map(bool, samples))
    if not count:
        return {}
    metrics = {"reward/num_samples": float(count)}
    for (name, key), numbers in values.items():
        array = np.asarray(numbers)
        for figure in _TOLD.get(key, _OF_SCORES):
            metrics[f"reward/{name}/{figure}"] = float(_FIGURES[figure](array))
    kinds = Counter(filter(None, map(failure_kind, samples)))
    return metrics | {f"reward/failed/{kind}": number / count for kind, number in kinds.items()}


def _numbers(sample: Mapping[str, object]) -> Iterable[tuple[str, float]]:
    failed = bool(sample.get("failed"))
    for key, value in sample.items():
        told = key not in _CODES and (not failed or key in _OF_FAILURES)
        if told and isinstance(value, (Real, np.bool_)) and math.isfinite(value):
            yield key, float(value)


def _names(key: str, sample: Mapping[str, object], routes: Mapping[str, Sequence[str]]) -> list[str]:
    if len(routes) < 2 or key in _OF_NO_ROUTE:
        return [key]
    place = sample.get("route")
    route = list(routes)[int(place)] if isinstance(place, float) and 0 <= place < len(routes) else None
    if route is None or (key not in routes[route] and any(key in parts for parts in routes.values())):
        own = []
    else:
        own = [f"{route}/{key}"]
    return [key, *own] if key in _OF_ALL_ROUTES else own
