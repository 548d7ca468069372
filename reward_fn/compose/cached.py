"""A reward that is not asked twice for the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from reward_fn.compose.composition import Plan, Results, Wrapper
from reward_fn.once import Made, once
from reward_fn.progress import Bars
from reward_fn.schema import DataSample, RewardResult
from reward_fn.store import key_of, look_up, open_store


class CachedReward(Wrapper):
    """A reward whose results are kept, and given again for the same sample.

    The key is made of the reward's class and fields and of all of the sample but its rewards and its `unique_id`; a
    changed judge, prompt or reference is another key. What is asked for twice at the same time is made once, unless the
    reward computes in the thread that asks. Failures are not kept. What a judge that samples has said once
    it says for ever: a result from the cache is no new opinion.
    """

    formula: ClassVar[str] = "of"

    name: str = "cached"
    path: Path | None = Field(None, description="the SQLite file that they are kept in; without it they are in memory")
    ignore_metadata: tuple[str, ...] = Field(
        (), description="keys of the metadata that do not matter, as a step's number"
    )

    def _plan(self, samples: Sequence[DataSample]) -> Plan:
        store, keys, units = open_store(self.path), *self._cut(samples)
        known = {key: _read(content) for key, content in look_up(store, units).items()}
        missing = {key: unit for key, unit in units.items() if key not in known}
        (found,) = yield [(self.of, list(missing.values()))]
        known.update(zip(missing, found, strict=True))
        contents = {key: content for key in missing if (content := _content_of(known[key]))}
        store.put(contents)
        return _dealt(samples, keys, known)

    async def _ascore_many(
        self, samples: Sequence[DataSample], bars: Bars, max_workers: int | None, kwargs: dict[str, Any]
    ) -> Results:
        keys, units = self._cut(samples)

        async def make(missing: list[str]) -> dict[str, Made[list[RewardResult]]]:
            found = await self.of._ascore_many([units[key] for key in missing], bars, max_workers, kwargs)
            return {key: (results, _content_of(results)) for key, results in zip(missing, found, strict=True)}

        return _dealt(samples, keys, await once(open_store(self.path), units, _read, make))

    def _cut(self, samples: Sequence[DataSample]) -> tuple[list[str], dict[str, DataSample]]:
        """Cut samples into what is kept: return the keys in their order, and what each stands for."""
        # A reward that looks at one answer at a time is asked for single answers.
        alone = self.of.scoring_pattern in ("pointwise", "stepwise")
        units = [unit for sample in samples for unit in (_single(sample) if alone else [sample])]
        fingerprint = self._fingerprint()
        keys = [key_of([fingerprint, self._content(unit)]) for unit in units]
        return keys, dict(zip(keys, units, strict=True))

    def _fingerprint(self) -> list[Any]:
        kind = type(self.of)
        return [kind.__module__, kind.__qualname__, kind.version, self.of.model_dump(mode="json")]

    def _content(self, sample: DataSample) -> dict[str, Any]:
        content = sample.model_dump(mode="json", exclude={"unique_id": True, "output": {"__all__": _REWARDS}})
        content["metadata"] = {
            key: value for key, value in content["metadata"].items() if key not in self.ignore_metadata
        }
        return content


_REWARDS: Any = {"answer": {"reward"}, "steps": {"__all__": {"reward"}}}


def _single(sample: DataSample) -> list[DataSample]:
    return [sample.changed(output=[output]) for output in sample.output]


def _dealt(samples: Sequence[DataSample], keys: list[str], known: Mapping[str, list[RewardResult]]) -> Results:
    """Give the answers of samples their results, which are known by the keys of what was kept."""
    rest = iter(result for key in keys for result in known[key])
    return [[next(rest) for _ in sample.output] for sample in samples]


def _content_of(results: list[RewardResult]) -> bytes | None:
    """Return what is kept of results; None if there is a failure among them."""
    if any(result.failure for result in results):
        return None
    return b"\n".join(result.model_dump_json().encode() for result in results)


def _read(content: bytes) -> list[RewardResult]:
    return [RewardResult.model_validate_json(line) for line in content.split(b"\n")]
