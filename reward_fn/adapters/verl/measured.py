"""What it takes to score an answer: seconds in queues and at work, look-ups in caches, tokens, dollars."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from reward_fn.hosting.tally import Took
from reward_fn.judges.llm.spent import Spent, counted_requests
from reward_fn.schema import RewardResult
from reward_fn.store import Lookups, counted_lookups
from reward_fn.workers.times import WorkTimes, counted_work

_TOOK = "reward_fn took"
"""Where a result that was judged with others says what that took, in its `extra_data`."""


class Measured:
    """What the work of a block takes.

    Args:
        lookups: What caches are asked.
        work: What worker processes do.
        requests: What is spent on LLMs.
    """

    def __init__(self, lookups: Lookups, work: WorkTimes, requests: Spent) -> None:
        self._lookups, self._work, self._requests = lookups, work, requests
        self._start = time.perf_counter()

    @property
    def took(self) -> Took:
        """What it took until now."""
        return Took(
            seconds=time.perf_counter() - self._start,
            queue_s=self._work.waited_s + self._requests.waited_s,
            work_s=self._work.worked_s + self._requests.worked_s,
            asked=self._lookups.asked,
            found=self._lookups.found,
            tokens=self._requests.tokens,
            cost=self._requests.cost,
        )


@contextmanager
def measured() -> Iterator[Measured]:
    """Measure what the work inside the block takes, in the tasks and threads' loops that it starts as well."""
    with counted_lookups() as lookups, counted_work() as work, counted_requests() as requests:
        yield Measured(lookups, work, requests)


def with_share(result: RewardResult, took: Took, answers: int) -> RewardResult:
    """Note on the result of an answer its share of what the judgment of a group took."""
    return result.changed(extra_data={**result.extra_data, _TOOK: tuple(took.of_each(answers))})


def met(result: RewardResult) -> RewardResult:
    """Return the result of an answer that met others; if it was not judged with them, all its time it has waited."""
    return result if _TOOK in result.extra_data else with_share(result, Took(), 1)


def took_by(result: RewardResult, here: Took) -> Took:
    """Return what an answer took that may have been judged with others elsewhere.

    The time that passed while its group was not being judged, the answer has waited for the others.

    Args:
        result: Its result.
        here: What was measured where it was waited for.
    """
    if _TOOK not in result.extra_data:
        return here
    judged = Took(*result.extra_data[_TOOK])
    waited = Took(queue_s=max(0.0, here.seconds - judged.seconds))
    return here.and_of(judged).and_of(waited)._replace(seconds=here.seconds)
