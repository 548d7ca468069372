"""Whether a program passes its tests."""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from reward_fn.base import BaseRuleReward
from reward_fn.rules.code.cases import Case, cases_of
from reward_fn.rules.code.python import LANGUAGES
from reward_fn.rules.code.sandbox import supervisor
from reward_fn.rules.code.sandbox.driver import Task
from reward_fn.rules.code.sandbox.limits import Ending, Limits, Outcome
from reward_fn.rules.code.sandbox.namespaces import IsolationError
from reward_fn.rules.code.sandbox.pool import Isolation, sandboxes
from reward_fn.rules.fences import fenced
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult
from reward_fn.workers.times import result_of

_KILL_S = 5.0
"""How long a worker may take to kill a run and tell, beyond the run's own time."""
_MEGABYTE = 2**20

Executor = Callable[[Task, Limits], Coroutine[Any, Any, Outcome]]


class CodeExecutionReward(BaseRuleReward):
    """Whether the answer's program passes its tests, or the share of them that it passes.

    The program is the last Python block of the answer, or all of it if it has no block. The tests are the
    `inputs_outputs` of the label or of the sample's metadata, or the label's `reference`: texts that are read and
    printed, calls of a function (both in the form of APPS and PRIME), or assertions. Every test counts: RM-Gallery
    stops at the tenth, runs programs in its own process without limits that hold, and from Python 3.11 on gives every
    answer 0.

    Each run is a process of its own in a sandbox without network, with a working folder that is thrown away and hard
    limits. Where the machine does not allow one, every result is a failure, unless `isolation="none"` says that
    programs may run with the limits alone, or `sandbox_url` names a SandboxFusion server that runs them.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "1 if all tests pass, else 0; with partial_credit passed / tests"
    source: ClassVar[str] = "APPS (arXiv 2105.09938), PRIME (arXiv 2502.01456)"
    cost: ClassVar[str] = "process"

    name: str = "code_execution"
    partial_credit: bool = Field(False, description="whether the score is the share of the tests that pass")
    timeout_s: PositiveFloat = Field(
        6.0, description="seconds of CPU time that one run may take; by the clock three times as many"
    )
    memory_mb: PositiveInt = Field(1024, description="megabytes of address space of each process of a program")
    processes: PositiveInt = Field(16, description="processes and threads of a program at a time")
    files_mb: PositiveInt = Field(64, description="megabytes of files that a program may write")
    output_kb: PositiveInt = Field(4096, description="kilobytes that a program may print")
    tolerance: float = Field(1e-6, ge=0, description="how far a decimal may be off, relative or absolute")
    prelude: bool = Field(True, description="whether programs find the imports that judges of code make for them")
    site_packages: bool = Field(False, description="whether programs may import the packages installed here")
    isolation: Isolation = Field(
        "namespaces", description="`namespaces`, or `none`: programs are limited only, and can do what this user can"
    )
    sandbox_url: str | None = Field(
        None, description="address of a SandboxFusion server that runs the programs, such as http://host:8080/run_code"
    )
    sandbox_concurrency: PositiveInt = Field(64, description="requests to that server at a time, from one process")

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        cases = cases_of(sample)
        code = program(self._indented_answer(sample))
        tests = sum(case.tests for case in cases)
        if not code.strip():
            return RewardResult.of(self.name, 0.0, "there is no program", passed=0, tests=tests)
        passed, why = await self._run(code, cases)
        if passed == tests:
            return RewardResult.of(self.name, 1.0, f"all {tests} tests pass", passed=passed, tests=tests)
        if not self.partial_credit:
            return RewardResult.of(self.name, 0.0, why, tests=tests)
        return RewardResult.of(
            self.name, passed / tests, f"{passed} of {tests} tests pass; {why}", passed=passed, tests=tests
        )

    async def _run(self, code: str, cases: Sequence[Case]) -> tuple[int, str]:
        """Run cases until one fails, or all; return how many tests have passed, and why the first one has not.

        They run side by side: one at first, then twice as many each time. Most wrong programs fail at once.
        """
        passed, why, start, width = 0, "", 0, 1
        while start < len(cases):
            group = cases[start : start + width]
            outcomes = await asyncio.gather(*(self._execute(case.task(code, self.prelude)) for case in group))
            for index, (case, outcome) in enumerate(zip(group, outcomes, strict=True), start + 1):
                right = case.passed(outcome, self.tolerance)
                passed += right
                if right < case.tests and not why:
                    why = f"case {index}: {_told(outcome)}"
            if why and not self.partial_credit:
                break
            start, width = start + width, 2 * width
        return passed, why

    async def _execute(self, task: Task) -> Outcome:
        limits = Limits(
            cpu_s=self.timeout_s,
            wall_s=3 * self.timeout_s,
            memory_bytes=self.memory_mb * _MEGABYTE,
            processes=self.processes,
            files_bytes=self.files_mb * _MEGABYTE,
            output_bytes=self.output_kb * 1024,
        )
        if self.sandbox_url:
            needed("httpx"), needed("tenacity")
            from reward_fn.rules.code.remote import execute

            return await execute(self.sandbox_url, task, limits, self.sandbox_concurrency)
        folders = tuple(dict.fromkeys(map(sysconfig.get_path, ("purelib", "platlib")))) if self.site_packages else ()
        pool = sandboxes(self.isolation, folders)
        future = pool.submit(supervisor.run, task, limits, timeout_s=limits.wall_s + _KILL_S)
        try:
            return await result_of(future)
        except IsolationError as error:
            detail = f"{error}: name a server in sandbox_url, or allow runs that are only limited with isolation='none'"
            raise RewardError(FailureKind.UNAVAILABLE, detail) from error


def program(answer: str) -> str:
    """Return the last block of Python in an answer, or all of it if there is no block."""
    blocks = list(fenced(answer))
    found = [content for language, content in blocks if language in LANGUAGES]
    if found:
        return found[-1]
    return "" if blocks else answer


def _told(outcome: Outcome) -> str:
    """Return in a few words why a case has not passed."""
    if outcome.ending is Ending.DONE and not outcome.detail:
        printed = outcome.stdout or " ".join(outcome.reports)
        return f"wrong answer {printed[:200]!r}"
    return f"{outcome.ending.value}: {outcome.detail.strip()[-300:]}" if outcome.detail else outcome.ending.value
