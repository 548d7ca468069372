"""What every reward promises at its doors, whatever it is."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_fn.base import (
    BaseListWiseReward,
    BasePairWiseReward,
    BasePointWiseReward,
    BaseReward,
    BaseStepWiseReward,
    answer_text,
    reference_text,
)
from reward_fn.schema import (
    DataOutput,
    DataSample,
    FailureKind,
    RewardDimensionWithRank,
    RewardError,
    RewardResult,
    Step,
)


def sample_of(*answers: Any, steps: list[str] | None = None) -> DataSample:
    made = None if steps is None else [Step(content=step) for step in steps]
    return DataSample(output=[DataOutput(answer=Step(content=text), steps=made) for text in answers])


def scores(sample: DataSample) -> list[float | None]:
    return [output.answer.reward.score for output in sample.output]


class Length(BasePointWiseReward):
    name: str = "length"

    def _evaluate(self, sample, **kwargs):
        text = answer_text(sample)
        if text == "crash":
            raise ZeroDivisionError("by zero")
        return RewardResult.of(self.name, len(text) * kwargs.get("times", 1))


class SlowLength(BasePointWiseReward):
    name: str = "length"

    async def _aevaluate(self, sample, **kwargs):
        text = answer_text(sample)
        await asyncio.sleep(0.001 * (len(text) % 3))
        if text == "crash":
            raise ZeroDivisionError("by zero")
        return RewardResult.of(self.name, len(text) * kwargs.get("times", 1))


class Longest(BaseListWiseReward):
    name: str = "longest"

    def _evaluate(self, sample, **kwargs):
        lengths = [len(output.answer.content) for output in sample.output]
        rank = [float(length == max(lengths)) for length in lengths]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=rank)])


class Longer(BasePairWiseReward):
    name: str = "longer"

    def _evaluate(self, sample, **kwargs):
        first, second = (len(output.answer.content) for output in sample.output)
        rank = [0.5, 0.5] if first == second else [float(first > second), float(second > first)]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=rank)])


class StepLength(BaseStepWiseReward):
    name: str = "step_length"

    def _evaluate(self, sample, **kwargs):
        return RewardResult.of(self.name, len(sample.output[0].steps[0].content))


BOTH = pytest.mark.parametrize("reward", [Length(), SlowLength()], ids=["sync", "async"])


@BOTH
def test_each_answer_is_scored_and_the_sample_stays_as_it_was(reward):
    sample = sample_of("a", "bcd", "")
    before = sample.model_dump_json()
    assert scores(reward.evaluate(sample)) == [1, 3, 0]
    assert scores(reward.evaluate(sample, thread_pool=None, times=2)) == [2, 6, 0]
    assert sample.model_dump_json() == before


@given(st.lists(st.lists(st.text(max_size=5).filter(lambda text: text != "crash"), max_size=3), max_size=5))
def test_sync_and_async_doors_single_and_batch_give_the_same(texts):
    samples = [sample_of(*answers) for answers in texts]
    expected = [[len(text) for text in answers] for answers in texts]
    for reward in (Length(), SlowLength()):
        assert [scores(reward.evaluate(sample)) for sample in samples] == expected
        assert [scores(sample) for sample in reward.evaluate_batch(samples, max_workers=2)] == expected
        assert [scores(sample) for sample in asyncio.run(reward.aevaluate_batch(samples))] == expected


@BOTH
def test_a_sample_that_fails_touches_no_other(reward):
    done = reward.evaluate_batch([sample_of("a", "crash", "bb"), sample_of(None), sample_of("ccc")])
    assert [scores(sample) for sample in done] == [[1, None, 2], [None], [3]]
    assert done[0].output[1].answer.reward.failure.kind is FailureKind.CRASH
    assert done[0].output[1].answer.reward.failure.detail == "ZeroDivisionError: by zero"
    assert done[1].output[0].answer.reward.failure.kind is FailureKind.BAD_INPUT
    assert "missing" in done[1].output[0].answer.reward.failure.detail


@BOTH
def test_the_sync_doors_work_inside_a_running_loop(reward):
    async def inside():
        return scores(reward.evaluate(sample_of("ab"))), scores(reward.evaluate_batch([sample_of("abc")])[0])

    assert asyncio.run(inside()) == ([2], [3])


def test_a_sync_door_inside_an_async_reward_does_not_wait_for_itself():
    class Outer(BasePointWiseReward):
        name: str = "outer"

        async def _aevaluate(self, sample, **kwargs):
            return RewardResult.of(self.name, 1 + scores(SlowLength().evaluate(sample))[0])

    assert scores(Outer().evaluate(sample_of("abcd"))) == [5]


@BOTH
def test_the_callers_own_small_pool_is_no_deadlock(reward):
    with ThreadPoolExecutor(1) as pool:
        nested = pool.submit(lambda: reward.evaluate_batch([sample_of("ab")] * 3, max_workers=8, thread_pool=pool))
        assert [scores(sample) for sample in nested.result(timeout=20)] == [[2], [2], [2]]


@BOTH
def test_many_threads_may_use_one_reward(reward):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: scores(reward.evaluate(sample_of("x" * n))), range(60)))
    assert done == [[n] for n in range(60)]


def test_no_more_samples_are_at_work_than_allowed():
    class Counting(BasePointWiseReward):
        name: str = "counting"

        async def _aevaluate(self, sample, **kwargs):
            seen.append(len(at_work))
            at_work.add(id(sample))
            await asyncio.sleep(0.005)
            at_work.discard(id(sample))
            return RewardResult.of(self.name, 0)

    for limit in (1, 3):
        at_work: set[int] = set()
        seen: list[int] = []
        Counting().evaluate_batch([sample_of("x") for _ in range(12)], max_workers=limit)
        assert max(seen) == limit - 1
    with pytest.raises(ValueError, match="max_workers is 0"):
        Counting().evaluate_batch([], max_workers=0)


@BOTH
def test_evaluating_twice_replaces_a_rewards_details(reward):
    once = reward.evaluate(sample_of("ab"))
    assert reward.evaluate(once) == once
    other = Longest().evaluate(once)
    assert [part.name for part in other.output[0].answer.reward.details] == ["length", "longest"]
    assert scores(other) == [1]


def test_best_of_n_gives_the_best_first_and_keeps_the_order_of_equals():
    best = Length().best_of_n(sample_of("a", "bbb", "crash", "cc", "dd"), n=3)
    assert [output.answer.content for output in best.output] == ["bbb", "cc", "dd"]
    assert scores(best) == [3, 2, 2]
    assert asyncio.run(SlowLength().abest_of_n(sample_of("a", "bb"))).output[0].answer.content == "bb"


@pytest.mark.parametrize("n", [0, -1, 3])
def test_best_of_n_refuses_an_n_that_is_not_there(n):
    with pytest.raises(ValueError, match=f"n is {n}"):
        Length().best_of_n(sample_of("a", "b"), n=n)


def test_best_of_n_never_chooses_an_answer_without_a_score():
    with pytest.raises(RewardError, match=r"2 answers are asked for, and 1 of 2 have a score: ZeroDivisionError"):
        Length().best_of_n(sample_of("a", "crash"), n=2)


def test_a_listwise_reward_gives_each_answer_its_rank():
    assert scores(Longest().evaluate(sample_of("a", "bb", "cc"))) == [0, 1, 1]
    assert Longest().evaluate(DataSample()).output == []


def test_a_comparison_that_does_not_rank_all_is_a_failure():
    class Short(BaseListWiseReward):
        name: str = "short"

        def _evaluate(self, sample, **kwargs):
            return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=[1.0])])

    (first, second) = Short().score(sample_of("a", "b"))
    assert first.failure == second.failure and "all of 2 answers" in first.failure.detail


@given(st.permutations(["", "a", "bb", "ccc", "dd"]))
def test_a_pairwise_score_is_the_win_rate_whatever_the_order(texts):
    by_text = dict(zip(texts, scores(Longer().evaluate(sample_of(*texts))), strict=True))
    assert by_text == {"": 0.0, "a": 0.25, "bb": 0.625, "dd": 0.625, "ccc": 1.0}


def test_a_pairwise_reward_needs_two_answers():
    (only,) = Longer().score(sample_of("a"))
    assert only.failure.kind is FailureKind.BAD_INPUT


def test_a_stepwise_reward_scores_steps_and_their_answer():
    done = StepLength().evaluate(sample_of("x", steps=["a", "bbb"]))
    assert scores(done) == [2]
    assert [step.reward.score for step in done.output[0].steps] == [1, 3]
    (none,) = StepLength().score(sample_of("x"))
    assert none.failure.detail == "the answer has no steps"


def test_a_failed_step_fails_its_answer_only():
    class Strict(BaseStepWiseReward):
        name: str = "strict"

        def _evaluate(self, sample, **kwargs):
            if sample.output[0].steps[0].content == "bad":
                raise RewardError(FailureKind.UNPARSEABLE, "bad step")
            return RewardResult.of(self.name, 1)

    sample = DataSample(output=[*sample_of("x", steps=["ok", "bad"]).output, *sample_of("y", steps=["ok"]).output])
    done = Strict().evaluate(sample)
    assert scores(done) == [None, 1]
    assert [step.reward.score for step in done.output[0].steps] == [1, None]


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="max_lenght"):
        Length(max_lenght=3)


def test_a_reward_that_returns_something_else_is_a_failure():
    class Wrong(BasePointWiseReward):
        name: str = "wrong"

        def _evaluate(self, sample, **kwargs):
            return 1.0

    (result,) = Wrong().score(sample_of("a"))
    assert result.failure.detail == "TypeError: the reward returned float, not RewardResult"


def test_a_reference_that_is_no_text_is_named():
    sample = DataSample(output=[DataOutput(answer=Step(content="a", label={"reference": 4}))])
    with pytest.raises(RewardError, match="the label's reference is int, not text"):
        reference_text(sample)


def test_a_bar_is_shown_on_request(capsys):
    Length().evaluate_batch([sample_of("a")] * 3, progress=True)
    SlowLength().evaluate_batch([sample_of("a")] * 3, progress=True)
    shown = capsys.readouterr().out
    assert shown.count("length") >= 2 and "100%" in shown
    Length().evaluate_batch([sample_of("a")] * 3)
    assert capsys.readouterr().out == ""


def test_giving_up_on_an_async_door_ends_the_work():
    cancelled = threading.Event()

    class Endless(BasePointWiseReward):
        name: str = "endless"

        async def _aevaluate(self, sample, **kwargs):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return RewardResult.of(self.name, 0)

    async def give_up():
        await asyncio.wait_for(Endless().aevaluate(sample_of("a")), 0.01)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(give_up())
    assert cancelled.is_set()


def test_base_rewards_say_what_to_override():
    class Nothing(BasePointWiseReward):
        name: str = "nothing"

    (result,) = Nothing().score(sample_of("a"))
    assert "overrides neither _evaluate nor _aevaluate" in result.failure.detail
    assert issubclass(BasePairWiseReward, BaseListWiseReward) and issubclass(BaseListWiseReward, BaseReward)


@pytest.mark.parametrize("kind", [Length, SlowLength, Longest, Longer, StepLength])
def test_every_result_has_the_version_of_its_reward(kind):
    class Changed(kind):
        version = 3

    sample = sample_of("a", "bcd", "crash", steps=["a", "bc"])
    for reward, version in ((kind(), 1), (Changed(), 3)):
        results = [*reward.score(sample), *asyncio.run(reward.ascore(sample)), *reward.score_batch([sample])[0]]
        assert {result.version for result in results} == {version}
        assert {step.version for result in results for step in result.steps} <= {version}
    (failed,) = Changed().score(sample_of(None, steps=[]))
    assert (failed.failure is not None, failed.version) == (True, 3)
    assert RewardResult.model_validate_json(failed.model_dump_json()).version == 3
