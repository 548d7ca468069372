"""`AutoPrincipleGenerator`: from a few preferences to the principles that explain them.

For each sample a model says why the preferred answers are better (`generate`), and every such principle is tried on
that sample: does a judge who is given it alone choose a preferred answer? What is left is merged into a few
(`cluster`). The procedure is RM-Gallery's; the trial, the order of the answers and what becomes of failures are ours.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from reward_fn import loop
from reward_fn.judges.asking import ask
from reward_fn.judges.auto.templates import PrincipleClusterTemplate, PrincipleGenerateTemplate
from reward_fn.judges.llm import OpenaiLLM
from reward_fn.judges.principles import BaseListWisePrincipleReward
from reward_fn.judges.sections import final_answers_of, format_messages
from reward_fn.judges.template import AnyTemplate, UnparseableError
from reward_fn.progress import Bars
from reward_fn.schema import DataSample, Failure, FailureKind, RewardError


class GenerationReport(BaseModel):
    """What became of each sample.

    Attributes:
        samples: How many there were.
        generated: Principles that were found.
        kept: Those that chose a preferred answer of their own sample, without doublets.
        rejected: Those that did not.
        unproven: Those on which the judge gave no verdict.
        failures: By the number of the sample, why it has no principles.
    """

    samples: int = 0
    generated: int = 0
    kept: int = 0
    rejected: int = 0
    unproven: int = 0
    failures: dict[int, Failure] = {}


class AutoPrincipleGenerator(BaseModel):
    """Finds principles in preference data, whose answers' labels have a `preference`: `chosen` or `rejected`."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    llm: OpenaiLLM = Field(description="finds, tries and merges principles")
    scenario: str = Field(min_length=1, description="the situation: who asks for what")
    generate_number: int = Field(10, ge=1, description="principles of one sample at most")
    cluster_number: int = Field(1, ge=1, description="principles at the end at most")
    max_retries: int = Field(3, ge=0, description="times that a reply that cannot be read is asked for again")
    validate_principles: bool = Field(True, description="whether each principle is tried on its sample")
    seed: int = Field(0, description="of the order in which answers are shown")
    generate_template: AnyTemplate = Field(PrincipleGenerateTemplate, description="asks for a sample's principles")
    cluster_template: AnyTemplate = Field(PrincipleClusterTemplate, description="asks for the few that many amount to")

    _report: GenerationReport = PrivateAttr(default_factory=GenerationReport)

    @property
    def report(self) -> GenerationReport:
        """What became of the samples of the last `run_batch`."""
        return self._report

    def generate(self, sample: DataSample) -> dict[str, str]:
        """Return the principles of one sample, from titles to what they mean.

        Raises:
            RewardError: The sample has no preference, or the model gave no principles.
        """
        return loop.run(self.agenerate(sample))

    async def agenerate(self, sample: DataSample) -> dict[str, str]:
        """Do as `generate`, without blocking the event loop."""
        preferred, others = self._sides(sample)
        fields = {
            "scenario": self.scenario,
            "query": format_messages(sample.input),
            "preferred": preferred,
            "others": others,
            "number": self.generate_number,
        }
        return await self._ask(self.generate_template, fields, self.generate_number)

    def cluster(self, principles: Mapping[str, str]) -> dict[str, str]:
        """Merge principles into `cluster_number` of them at most.

        Raises:
            ValueError: There are none.
            RewardError: The model gave none.
        """
        return loop.run(self.acluster(principles))

    async def acluster(self, principles: Mapping[str, str]) -> dict[str, str]:
        """Do as `cluster`, without blocking the event loop."""
        if not principles:
            raise ValueError("there are no principles to merge")
        fields = {"scenario": self.scenario, "principles": principles, "number": self.cluster_number}
        return await self._ask(self.cluster_template, fields, self.cluster_number)

    def run_batch(
        self, samples: Sequence[DataSample], executor: Executor | None = None, *, progress: bool = False
    ) -> dict[str, str]:
        """Return the principles that samples amount to; `report` says what became of each sample.

        Args:
            samples: Preference data.
            executor: Accepted as RM-Gallery's users pass it, and not needed.
            progress: Whether to show a bar.

        Raises:
            RewardError: No sample gave a principle that held, or the merging failed.
        """
        return loop.run(self.arun_batch(samples, progress=progress))

    async def arun_batch(self, samples: Sequence[DataSample], *, progress: bool = False) -> dict[str, str]:
        """Do as `run_batch`, without blocking the event loop."""
        self._report = report = GenerationReport(samples=len(samples))
        with Bars(progress) as bars:
            advance = bars.add("principles", len(samples))

            async def work(number: int, sample: DataSample) -> dict[str, str]:
                kept = await self._of(number, sample, report)
                advance(1)
                return kept

            found = await asyncio.gather(*(work(number, sample) for number, sample in enumerate(samples)))
        merged = _without_doublets(found)
        report.kept = len(merged)
        if not merged:
            first = next(iter(report.failures.values()), None)
            tried = f"{report.rejected} rejected, {report.unproven} unproven, {len(report.failures)} samples failed"
            detail = f"no principle held ({tried}){f': {first.detail}' if first else ''}"
            raise RewardError(first.kind if first else FailureKind.BAD_INPUT, detail)
        return await self.acluster(merged)

    async def _of(self, number: int, sample: DataSample, report: GenerationReport) -> dict[str, str]:
        """Return the principles of a sample that hold on it."""
        try:
            found = await self.agenerate(sample)
        except RewardError as error:
            report.failures[number] = error.failure
            return {}
        report.generated += len(found)
        if not self.validate_principles:
            return found
        verdicts = await asyncio.gather(*(self._holds(f"{title}: {text}", sample) for title, text in found.items()))
        report.rejected += verdicts.count(False)
        report.unproven += verdicts.count(None)
        return {title: found[title] for title, holds in zip(found, verdicts, strict=True) if holds}

    async def _holds(self, principle: str, sample: DataSample) -> bool | None:
        """Return whether judging by a principle chooses a preferred answer; None if the judge gives no verdict."""
        fields = {"llm": self.llm, "scenario": self.scenario, "principles": [principle], "reask": self.max_retries}
        judge = BaseListWisePrincipleReward.model_validate(fields)
        results = await judge.ascore(sample)
        if any(result.failure for result in results):
            return None
        chosen = [output.answer.label.get("preference") == "chosen" for output in sample.output]
        return any(is_chosen and result.score == 1 for is_chosen, result in zip(chosen, results, strict=True))

    async def _ask(self, template: Any, fields: Mapping[str, Any], most: int) -> dict[str, str]:  # noqa: ANN401
        def use(response: Any) -> dict[str, str]:  # noqa: ANN401 - the template's
            found: dict[str, str] = response.principles
            if len(found) > most:
                raise UnparseableError(f"principles: at most {most}, not {len(found)}")
            return found

        return await ask(self.llm, template, fields, use, reask=self.max_retries)

    def _sides(self, sample: DataSample) -> tuple[list[str], list[str]]:
        """Return the preferred answers and the others, each in an order of chance."""
        sides: dict[str, list[str]] = {"chosen": [], "rejected": []}
        for text, output in zip(final_answers_of(sample), sample.output, strict=True):
            preference = output.answer.label.get("preference")
            if preference not in sides:
                raise RewardError(
                    FailureKind.BAD_INPUT, f"the label's preference is chosen or rejected, not {preference!r}"
                )
            sides[preference].append(text or "")
        if not all(sides.values()):
            raise RewardError(FailureKind.BAD_INPUT, "principles need a chosen and a rejected answer")
        chance = random.Random(f"{self.seed} {sample.unique_id}")
        for texts in sides.values():
            chance.shuffle(texts)
        return sides["chosen"], sides["rejected"]


def _without_doublets(found: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return principles by their titles, each title once, whatever its capitals and spaces."""
    merged: dict[str, tuple[str, str]] = {}
    for principles in found:
        for title, text in principles.items():
            merged.setdefault(" ".join(title.lower().split()), (title, text))
    return dict(merged.values())
