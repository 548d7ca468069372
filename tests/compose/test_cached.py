import asyncio

import pytest
from rewards_of_tests import Length, Longest, sample_of, scores

from reward_fn.registry import RewardRegistry


@pytest.fixture
def cached(tmp_path):
    def cached(of, path="kept.sqlite", **fields):
        return RewardRegistry.get("cached")(of=of, path=tmp_path / path, **fields)

    return cached


def test_an_answer_is_scored_once(cached):
    inner = Length()
    reward = cached(inner)
    first = reward.evaluate_batch([sample_of("a", "bb"), sample_of("bb")])
    again = reward.evaluate_batch([sample_of("bb", "a"), sample_of("ccc")])
    assert [scores(sample) for sample in first + again] == [[1, 2], [2], [2, 1], [3]]
    assert inner._asked == ["a", "bb", "ccc"]
    assert again[0].output[1] == first[0].output[0]


def test_another_reward_of_the_same_fields_finds_what_the_first_has_kept(cached):
    cached(Length(name="x")).evaluate(sample_of("a"))
    second = Length(name="x")
    cached(second).evaluate(sample_of("a"))
    assert second._asked == []


@pytest.mark.parametrize(
    ("fields", "sample"),
    [
        ({"name": "other"}, sample_of("a")),
        ({}, sample_of("b")),
        ({}, sample_of("a", metadata={"x": 1})),
        ({}, sample_of("a", source="x")),
        ({}, sample_of("a", input=[{"role": "user", "content": "hello"}])),
    ],
)
def test_whatever_may_matter_is_in_the_key(cached, fields, sample):
    inner = Length(**fields)
    cached(Length()).evaluate(sample_of("a"))
    cached(inner).evaluate(sample)
    assert len(inner._asked) == 1


def test_what_does_not_matter_is_not_in_the_key(cached):
    inner = Length()
    reward = cached(inner, ignore_metadata=["step"])
    done = reward.evaluate(sample_of("a", unique_id="1", metadata={"step": 1}))
    reward.evaluate(done.changed(unique_id="2", metadata={"step": 2}))
    assert inner._asked == ["a"]


def test_failures_are_not_kept(cached):
    inner = Length()
    reward = cached(inner)
    for _ in range(2):
        assert scores(reward.evaluate(sample_of("crash", "a"))) == [None, 1]
    assert inner._asked == ["crash", "a", "crash"]


def test_a_comparison_is_kept_as_a_whole(cached):
    reward = cached(Longest())
    assert scores(reward.evaluate(sample_of("a", "bb"))) == [0, 1]
    assert scores(reward.evaluate(sample_of("a", "bb"))) == [0, 1]
    assert scores(reward.evaluate(sample_of("a", ""))) == [1, 0]


def test_without_a_file_it_is_kept_in_memory():
    inner = Length(name="only here")
    reward = RewardRegistry.get("cached")(of=inner)
    assert [scores(reward.evaluate(sample_of("a"))) for _ in range(2)] == [[1], [1]]
    assert inner._asked == ["a"]


def test_an_answer_that_is_asked_for_twice_at_once_is_scored_once(cached):
    class Slow(Length):
        async def _aevaluate(self, sample, **kwargs):
            await asyncio.sleep(0.05)
            return self._evaluate(sample)

    inner = Slow()
    reward = cached(inner, name="slow")

    async def several():
        return await asyncio.gather(*(reward.aevaluate(sample_of("a", "crash", "bb")) for _ in range(5)))

    assert [scores(sample) for sample in asyncio.run(several())] == [[1, None, 2]] * 5
    assert inner._asked == ["a", "crash", "bb"]
