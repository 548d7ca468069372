import asyncio
import math
import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewards_of_tests import HeavyLength, Length, Longest, SlowLength, by_first_letter, sample_of, scores

from reward_fn.registry import RewardRegistry
from reward_fn.schema import FailureKind


def make(name, **fields):
    return RewardRegistry.get(name)(**fields)


MIX = {
    "right": {"reward": "accuracy"},
    "length": {"reward": "length_penalty", "min_length": 2, "penalty_rate": 0.5},
}


def test_a_weighted_sum_is_the_mean_by_weights_and_keeps_its_parts():
    mix = make("weighted_sum", parts=MIX, weights={"right": 3})
    done = mix.evaluate(sample_of("aa", "a"))
    assert scores(done) == [0.75, (3 * 0 + 1 * -0.5) / 4]
    parts = [(part.name, part.score) for part in done.output[1].answer.reward.details]
    assert parts == [("right", 0.0), ("length", -0.5)]
    assert mix.part_names == ("right", "length")


@pytest.mark.parametrize(
    ("fields", "score", "score_range"),
    [
        ({}, 0.5, (0.0, 1.0)),
        ({"normalise": "none"}, 1.0, (0.0, 2.0)),
        ({"weights": {"b": -1}}, 0.5, (-0.5, 0.5)),
        ({"weights": {"a": 0}}, 0.0, (0.0, 1.0)),
        ({"weights": {"a": 2, "b": 3}, "normalise": "none"}, 2.0, (0.0, 5.0)),
    ],
)
def test_weights_are_divided_by_their_sum_or_not(fields, score, score_range):
    parts = {"a": "accuracy", "b": {"reward": "regex_match", "pattern": "b+"}}
    mix = make("weighted_sum", parts=parts, **fields)
    assert scores(mix.evaluate(sample_of("aa"))) == [score]
    assert mix.score_range == score_range


def test_ranges_are_brought_to_0_to_1():
    parts = {"a": {"reward": "scale", "factor": 10, "offset": -5, "of": "accuracy"}, "b": "accuracy"}
    mix = make("weighted_sum", parts=parts, normalise="ranges")
    assert scores(mix.evaluate(sample_of("aa", "b"))) == [1.0, 0.0]
    assert mix.score_range == (0.0, 1.0)


@pytest.mark.parametrize("others", [{}, {"slow": SlowLength()}, {"heavy": HeavyLength()}])
def test_a_failed_part_fails_its_answer_only_and_is_named(others):
    mix = make("weighted_sum", parts={"length": Length(), **others})
    crashed, fine = mix.evaluate(sample_of("crash", "ab")).output
    assert fine.answer.reward.score == 2.0
    failure = crashed.answer.reward.failure
    assert (failure.kind, failure.retriable) == (FailureKind.TIMEOUT, True)
    assert failure.detail == "length: too slow"
    assert crashed.answer.reward.details == []


def test_compositions_nest_and_the_names_of_parts_say_where_they_are():
    inner = {"reward": "weighted_sum", "parts": {"x": "accuracy", "y": "f1_score"}}
    gate = {"reward": "gate", "condition": "accuracy", "then": inner}
    mix = make("weighted_sum", parts={"a": "accuracy", "b": gate, "c": {"reward": "clip", "low": 0, "of": inner}})
    names = ("a", "b", "b/condition", "b/then", "b/then/x", "b/then/y", "c", "c/x", "c/y")
    assert mix.part_names == names
    for sample in (sample_of("aa"), sample_of("bb")):
        (result,) = mix.score(sample)
        assert tuple(part.name for part in result.details) == names


def test_a_gate_asks_only_for_those_that_pass():
    then = Length()
    gate = make("gate", condition={"reward": "regex_match", "pattern": "b+"}, then=then, otherwise=-1)
    samples = [sample_of("a", "bb", "ac"), sample_of("c"), sample_of("bbb")]
    done = gate.evaluate_batch(samples)
    assert [scores(sample) for sample in done] == [[-1, 2, -1], [-1], [3]]
    assert then._asked == ["bb", "bbb"]
    closed = done[0].output[0].answer.reward.details
    assert [(part.name, part.score) for part in closed] == [("condition", 0.0), ("then", -1.0)]
    assert "not asked" in closed[1].reason
    assert gate.score_range == (-1.0, math.inf)


def test_a_comparison_behind_a_gate_compares_those_that_pass():
    gate = make("gate", condition={"reward": "regex_match", "pattern": "b+"}, then=Longest())
    assert scores(gate.evaluate(sample_of("b", "aaaa", "bbb"))) == [0.0, 0.0, 1.0]


def test_failures_at_a_gate_are_failures():
    gate = make("gate", condition=Length(), then="accuracy")
    assert gate.score(sample_of("crash"))[0].failure.detail == "condition: too slow"
    gate = make("gate", condition="accuracy", at_least=0, then=Length())
    assert gate.score(sample_of("crash"))[0].failure.detail == "then: too slow"


def test_a_router_sends_each_sample_its_way():
    routes = {"math": {"reward": "scale", "factor": 2, "of": "accuracy"}, "text": Length()}
    router = make("router", by="metadata.task.kind", routes=routes)
    samples = [sample_of("aa", metadata={"task": {"kind": kind}}) for kind in ("math", "text", "math", "art")]
    done = router.evaluate_batch([*samples, sample_of("aa")])
    assert [scores(sample) for sample in done] == [[2.0], [2.0], [2.0], [None], [None]]
    failures = [sample.output[0].answer.reward.failure.detail for sample in done[3:]]
    assert failures == ["there is no route 'art'; there are: ['math', 'text']", "the sample has no metadata.task.kind"]
    (result,) = router.score(samples[0])
    assert result.extra_data == {"route": "math", "parts": {"accuracy": 1.0}}
    assert [part.name for part in result.details] == list(router.part_names) == ["router"]


@pytest.mark.parametrize("by", [by_first_letter, "rewards_of_tests:by_first_letter"])
def test_a_router_takes_a_function_and_has_a_default(by):
    router = make("router", by=by, routes={"a": "accuracy"}, default=Length())
    assert [scores(router.evaluate(sample_of(text))) for text in ("aa", "bbb")] == [[1.0], [3.0]]
    assert router.score(sample_of(None))[0].failure.kind is FailureKind.CRASH
    assert pickle.loads(pickle.dumps(router)) == router


@pytest.mark.parametrize(
    ("name", "fields", "score", "score_range"),
    [
        ("clip", {"low": 1, "high": 2}, [1, 2, 2], (1, 2)),
        ("clip", {"high": 2}, [0, 2, 2], (0, 2)),
        ("scale", {"factor": -2, "offset": 1}, [1, -3, -9], (-math.inf, 1)),
        ("shape", {"form": "step", "center": 2}, [0, 1, 1], (0, 1)),
        ("shape", {"form": "sigmoid", "center": 2, "steepness": 2},
         [1 / (1 + math.exp(4)), 0.5, 1 / (1 + math.exp(-6))], (1 / (1 + math.exp(4)), 1)),
        ("shape", {"form": "tanh"}, [0, math.tanh(2), math.tanh(5)], (0, 1)),
        ("shape", {"form": "power", "steepness": 2, "center": 2}, [-4, 0, 9], (-4, math.inf)),
    ],
)  # fmt: skip
def test_transforms_change_the_score_and_nothing_else(name, fields, score, score_range):
    reward = make(name, of=Length(), **fields)
    done = reward.evaluate(sample_of("", "ab", "abcde"))
    assert scores(done) == pytest.approx(score)
    assert [output.answer.reward.details[0].score for output in done.output] == [0, 2, 5]
    assert reward.score_range == pytest.approx(score_range)
    assert reward.score(sample_of("crash"))[0].failure.detail == "too slow"


def test_a_score_that_a_transform_makes_infinite_is_a_failure_of_that_answer():
    reward = make("shape", of=Length(), form="power", steepness=1e6)
    many, one = reward.evaluate(sample_of("abc", "a")).output
    assert many.answer.reward.failure is not None
    assert one.answer.reward.score == 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["", "aa", "b", "crash", "bbb"]), min_size=1, max_size=3), max_size=4))
def test_all_doors_of_a_composition_give_the_same(texts):
    samples = [sample_of(*answers) for answers in texts]
    for part in (Length, SlowLength, HeavyLength):
        then = {"reward": "clip", "high": 2, "of": part()}
        gate = make("gate", condition={"reward": "regex_match", "pattern": "[ab]*"}, then=then)
        mix = make("weighted_sum", parts={"gate": gate, "cached": {"reward": "cached", "of": gate}})
        alone = [scores(mix.evaluate(sample)) for sample in samples]
        assert [scores(sample) for sample in mix.evaluate_batch(samples)] == alone
        assert [scores(sample) for sample in asyncio.run(mix.aevaluate_batch(samples))] == alone

        async def one_by_one(reward=mix):
            return [scores(await reward.aevaluate(sample)) for sample in samples]

        assert asyncio.run(one_by_one()) == alone


def test_parts_that_wait_do_so_side_by_side():
    parts = {f"part{i}": SlowLength(seconds=0.3) for i in range(5)}
    began = time.monotonic()
    make("weighted_sum", parts=parts).evaluate_batch([sample_of("a")] * 20, max_workers=20)
    assert time.monotonic() - began < 1.2


def test_evaluating_again_replaces_the_parts():
    mix = make("weighted_sum", parts=MIX)
    once = mix.evaluate(sample_of("aa"))
    assert mix.evaluate(once) == once


def test_heavy_parts_of_a_batch_go_to_worker_processes():
    mix = make("weighted_sum", parts={"heavy": HeavyLength(), "slow": SlowLength()})
    done = mix.evaluate_batch([sample_of("a" * i) for i in range(70)], progress=True)
    assert [scores(sample) for sample in done] == [[i] for i in range(70)]
    assert mix.parts["heavy"]._asked == []


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("weighted_sum", {"parts": {}}, "at least 1 item"),
        ("weighted_sum", {"parts": MIX, "weights": {"rigth": 1}}, "'rigth'"),
        ("weighted_sum", {"parts": MIX, "weights": {"right": 0, "length": 0}}, "all 0"),
        ("weighted_sum", {"parts": {"a/b": "accuracy"}}, "without /"),
        ("weighted_sum", {"parts": MIX, "normalise": "ranges"}, "parts.length has the range -inf to 0; clip it"),
        ("clip", {"of": "accuracy"}, "both missing"),
        ("clip", {"of": "accuracy", "low": 2, "high": 1}, "low is 2"),
        ("scale", {"of": "accuracy", "factor": 0}, "factor is 0"),
        ("router", {"by": "meta.kind", "routes": {"a": "accuracy"}}, "metadata.KEY"),
        ("router", {"by": "no.such:thing", "routes": {"a": "accuracy"}}, "No module named 'no'"),
    ],
)
def test_a_composition_that_makes_no_sense_says_why(name, fields, told):
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        make(name, **fields)


@pytest.mark.parametrize("kind", [Length, SlowLength])
def test_a_composition_has_a_version_of_its_own(kind):
    class Changed(kind):
        version = 3

    sum_of = make("weighted_sum", parts={"a": Changed(), "b": Length()})
    for reward, version in ((sum_of, 1), (make("scale", of=Changed()), 1), (make("cached", of=Changed()), 3)):
        for text in ("aa", "crash"):
            results = [*reward.score(sample_of(text)), *reward.score_batch([sample_of(text)])[0]]
            assert {result.version for result in results} == {version}
            assert {result.failure is None for result in results} == {text == "aa"}
