"""The counts of this process among Ray's metrics, which each node of a cluster offers to Prometheus.

Ray adds `ray_` before a name and `_total` after a counter's, and the node and process as tags.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Mapping
from typing import Any

from reward_fn.hosting.board_actor import Report
from reward_fn.hosting.tally import Tally
from reward_fn.judges.llm.traffic import Traffic

BOUNDARIES = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]
"""Of the histogram of seconds."""
_OF_REWARD = ("reward", "route")
_OF_MODEL = ("model", "endpoint")
_OF_TOOK = ("scoring_seconds", "queue_seconds", "work_seconds", "cache_lookups", "cache_hits", "tokens", "cost_dollars")
_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "samples": ("answers that have their result; kind is scored, or why there is no score", (*_OF_REWARD, "kind")),
    "scoring_seconds": (
        "seconds from the call to the result, of all answers; the sum that Ray gives of a histogram is a guess",
        _OF_REWARD,
    ),
    "queue_seconds": ("seconds in queues, of all answers", _OF_REWARD),
    "work_seconds": ("seconds at work in worker processes and of requests in flight, of all answers", _OF_REWARD),
    "cache_lookups": ("look-ups in caches", _OF_REWARD),
    "cache_hits": ("look-ups in caches that found something", _OF_REWARD),
    "tokens": ("tokens of LLMs", _OF_REWARD),
    "cost_dollars": ("dollars, by the prices of the clients", _OF_REWARD),
    "llm_requests": ("requests that were sent", _OF_MODEL),
    "llm_retries": ("requests that repeated a failed one", _OF_MODEL),
    "llm_failures": ("requests without a usable answer", (*_OF_MODEL, "kind")),
    "llm_tokens": ("tokens of questions and answers", _OF_MODEL),
    "llm_cost_dollars": ("dollars, by the prices of the clients", _OF_MODEL),
}
_GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "in_flight": ("answers that are being scored", _OF_REWARD),
    "llm_waiting": ("requests that wait for their turn", _OF_MODEL),
    "llm_in_flight": ("requests that are sent and not answered", _OF_MODEL),
    "llm_out": ("1 while the endpoint is left alone since it has failed too often", _OF_MODEL),
}


class RayMetrics:
    """Ray's metrics of this process; each is there from its first number on."""

    def __init__(self) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        self._counters = {name: Counter(f"reward_fn_{name}", *told) for name, told in _COUNTERS.items()}
        self._gauges = {name: Gauge(f"reward_fn_{name}", *told) for name, told in _GAUGES.items()}
        told = "seconds of an answer, from the call to the result; within 5 %"
        self._seconds: Any = Histogram("reward_fn_seconds", told, BOUNDARIES, _OF_REWARD)
        self._before = Report({}, {})

    def tell(self, report: Report) -> None:
        """Add what has come since the last report, and show what is at work."""
        for key, tally in report.rewards.items():
            self._tell_reward(dict(zip(_OF_REWARD, key, strict=True)), tally, self._before.rewards.get(key, Tally()))
        for place, traffic in report.endpoints.items():
            tags = dict(zip(_OF_MODEL, place, strict=True))
            self._tell_endpoint(tags, traffic, self._before.endpoints.get(place, Traffic()))
        self._before = report

    def _tell_reward(self, tags: Mapping[str, str], now: Tally, before: Tally) -> None:
        self._count("samples", now.scored - before.scored, {**tags, "kind": "scored"})
        self._count_kinds("samples", now.failures - before.failures, tags)
        for name, figure, known in zip(_OF_TOOK, now.total, before.total, strict=True):
            self._count(name, figure - known, tags)
        for seconds, count in (now.seconds - before.seconds).values():
            for _ in range(count):
                self._seconds.observe(seconds, tags)
        self._gauges["in_flight"].set(now.in_flight, tags)

    def _tell_endpoint(self, tags: Mapping[str, str], now: Traffic, before: Traffic) -> None:
        for name in ("requests", "retries", "tokens"):
            self._count(f"llm_{name}", getattr(now, name) - getattr(before, name), tags)
        self._count("llm_cost_dollars", now.cost - before.cost, tags)
        self._count_kinds("llm_failures", now.failures - before.failures, tags)
        for name in ("waiting", "in_flight", "out"):
            self._gauges[f"llm_{name}"].set(int(getattr(now, name)), tags)

    def _count_kinds(self, name: str, kinds: Counts[str], tags: Mapping[str, str]) -> None:
        for kind, count in kinds.items():
            self._count(name, count, {**tags, "kind": kind})

    def _count(self, name: str, more: float, tags: Mapping[str, str]) -> None:
        if more > 0:
            self._counters[name].inc(more, tags)
