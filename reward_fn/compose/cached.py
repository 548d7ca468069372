"""A reward that is not asked twice for the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from reward_fn.compose.composition import Plan, Wrapper
from reward_fn.schema import DataSample, RewardResult
from reward_fn.store import key_of, look_up, open_store


class CachedReward(Wrapper):
    """A reward whose results are kept, and given again for the same sample.

    The key is made of the reward's class and fields and of all of the sample but its rewards and its `unique_id`; a
    changed judge, prompt or reference is another key. Failures are not kept. What a judge that samples has said once
    it says for ever: a result from the cache is no new opinion.
    """

    formula: ClassVar[str] = "of"

    name: str = "cached"
    path: Path | None = Field(None, description="the SQLite file that they are kept in; without it they are in memory")
    ignore_metadata: tuple[str, ...] = Field(
        (), description="keys of the metadata that do not matter, as a step's number"
    )

    def _plan(self, samples: Sequence[DataSample]) -> Plan:
        # A reward that looks at one answer at a time is asked for single answers.
        alone = self.of.scoring_pattern in ("pointwise", "stepwise")
        units = [unit for sample in samples for unit in (_single(sample) if alone else [sample])]
        store, fingerprint = open_store(self.path), self._fingerprint()
        keys = [key_of([fingerprint, self._content(unit)]) for unit in units]
        kept = look_up(store, set(keys))
        known = {
            key: [RewardResult.model_validate_json(one) for one in _lines(content)] for key, content in kept.items()
        }
        missing = {key: unit for key, unit in zip(keys, units, strict=True) if key not in known}
        (found,) = yield [(self.of, list(missing.values()))]
        known.update(zip(missing, found, strict=True))
        store.put({key: _joined(known[key]) for key in missing if not any(one.failure for one in known[key])})
        rest = iter(result for key in keys for result in known[key])
        return [[next(rest) for _ in sample.output] for sample in samples]

    def _fingerprint(self) -> list[Any]:
        kind = type(self.of)
        return [kind.__module__, kind.__qualname__, self.of.model_dump(mode="json")]

    def _content(self, sample: DataSample) -> dict[str, Any]:
        content = sample.model_dump(mode="json", exclude={"unique_id": True, "output": {"__all__": _REWARDS}})
        content["metadata"] = {
            key: value for key, value in content["metadata"].items() if key not in self.ignore_metadata
        }
        return content


_REWARDS: Any = {"answer": {"reward"}, "steps": {"__all__": {"reward"}}}


def _single(sample: DataSample) -> list[DataSample]:
    return [sample.changed(output=[output]) for output in sample.output]


def _joined(results: list[RewardResult]) -> bytes:
    return b"\n".join(result.model_dump_json().encode() for result in results)


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")
