"""What every room shares: samples that survive JSON, results that are a score or a failure."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_fn.schema import (
    ChatMessage,
    DataOutput,
    DataSample,
    Failure,
    FailureKind,
    MessageRole,
    Reward,
    RewardDimensionWithRank,
    RewardDimensionWithScore,
    RewardError,
    RewardResult,
    Step,
)

FAILURE = Failure(FailureKind.TIMEOUT, True, "too slow")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.builds(
    RewardDimensionWithScore,
    name=st.text(),
    score=st.floats(allow_nan=False, allow_infinity=False),
    reason=st.text(),
)
REWARDS = st.builds(Reward, score=st.none() | st.just(0.5), details=st.lists(PARTS, max_size=2),
                    failure=st.none() | st.just(FAILURE))  # fmt: skip
STEPS = st.builds(Step, content=JSON, label=st.dictionaries(st.text(), JSON, max_size=2), reward=REWARDS)
SAMPLES = st.builds(
    DataSample,
    unique_id=st.text(),
    input=st.lists(st.builds(ChatMessage, role=st.sampled_from(MessageRole), content=JSON), max_size=2),
    output=st.lists(st.builds(DataOutput, answer=STEPS, steps=st.none() | st.lists(STEPS, max_size=2)), max_size=2),
    metadata=st.dictionaries(st.text(), JSON, max_size=2),
)


def answer(text: str, **fields: object) -> DataOutput:
    return DataOutput(answer=Step(content=text), **fields)


@given(SAMPLES)
def test_a_sample_is_the_same_after_a_round_trip_through_json(sample):
    assert DataSample.model_validate_json(sample.model_dump_json()) == sample


def test_an_unknown_field_is_refused_by_name():
    with pytest.raises(ValidationError, match="refrence"):
        Step(content="x", refrence="y")


def test_a_role_is_its_word_in_any_text():
    assert f"{MessageRole.USER}" == str(MessageRole.USER) == "user"


def test_a_result_is_a_score_or_a_failure_and_never_both_or_neither():
    for fields in ({}, {"score": 1.0, "failure": FAILURE}):
        with pytest.raises(ValidationError):
            RewardResult(name="r", **fields)
    assert RewardResult.failed("r", FAILURE) == RewardResult(name="r", failure=FAILURE)
    assert RewardResult.of("r", 1, "so", seen=3) == RewardResult(
        name="r",
        score=1.0,
        details=[RewardDimensionWithScore(name="r", score=1.0, reason="so")],
        extra_data={"seen": 3},
    )


def test_the_score_of_parts_is_their_mean():
    parts = [RewardDimensionWithScore(name=name, score=score) for name, score in (("a", 1.0), ("b", 0.0))]
    assert RewardResult(name="r", details=parts).score == 0.5
    assert RewardResult(name="r", details=parts, score=0.9).score == 0.9


def test_samples_and_errors_survive_a_pickle():
    sample = DataSample(output=[answer("x", steps=[Step(content="s")])])
    again = pickle.loads(pickle.dumps(sample))
    assert again == sample and again.model_dump_json() == sample.model_dump_json()
    error = pickle.loads(pickle.dumps(RewardError(FailureKind.TIMEOUT, "too slow", retriable=True)))
    assert error.failure == FAILURE and str(error) == "too slow"


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_is_a_finite_number(score):
    with pytest.raises(ValueError, match="finite"):
        RewardResult.of("r", score)
    with pytest.raises(ValidationError, match="finite"):
        RewardDimensionWithScore(name="r", score=score)
    with pytest.raises(ValidationError, match="finite"):
        RewardDimensionWithRank(name="r", rank=[0.0, score])


def test_parts_of_a_name_are_replaced_and_others_stay():
    reward = Reward().with_result(RewardResult.of("a", 1)).with_result(RewardResult.of("b", 2))
    again = reward.with_result(RewardResult.of("a", 3), ["a"])
    assert [(part.name, part.score) for part in again.details] == [("b", 2.0), ("a", 3.0)]
    assert again.score == 3.0
    failed = again.with_result(RewardResult.failed("a", FAILURE), ["a"])
    assert [part.name for part in failed.details] == ["b"]
    assert (failed.score, failed.failure) == (None, FAILURE)


def test_update_brings_the_rewards_of_steps_too():
    plain = DataSample(output=[answer("x", steps=[Step(content="s")])], metadata={"a": 1})
    step = Step(content="s", reward=Reward(score=0.5))
    other = DataSample(output=[answer("x", steps=[step])], metadata={"b": 2})
    other = other.changed(output=[other.output[0].changed(answer=Step(content="x", reward=Reward(score=1.0)))])
    joined = plain.update(other)
    assert joined.output[0].answer.reward.score == 1.0
    assert joined.output[0].steps[0].reward.score == 0.5
    assert joined.metadata == {"a": 1, "b": 2}
    assert plain.output[0].answer.reward.score is None


def test_update_refuses_other_answers():
    with pytest.raises(ValueError, match="other answers"):
        DataSample(output=[answer("x")]).update(DataSample(output=[answer("y")]))
    with pytest.raises(ValueError, match="argument"):
        DataSample(output=[answer("x")]).update(DataSample())
