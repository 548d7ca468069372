"""J1: both orders of a pair, paid together; as verl's rows meet, and alone."""

import asyncio

import pytest

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.scorer import scorer_of
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step
from rm_train.tasks.j1 import J1Reward

KWARGS = {"reward": "j1_reward", "group": {"consistency_key": "extra_info.pair_id", "prompts": 2}}


def said(preference):
    return f"<reason>why</reason><preference>{preference}</preference>"


def both(first, second, references=("A", "B"), **fields):
    outputs = [
        DataOutput(answer=Step(content=text, label={"reference": reference}))
        for text, reference in zip((first, second), references, strict=True)
    ]
    return J1Reward(**fields).score(DataSample(output=outputs))


@pytest.mark.parametrize(
    ("first", "second", "paid"),
    [
        (said("A"), said("B"), (2, 2)),  # the same answer in both orders, and the right one
        (said("A"), said("A"), (1, 0)),  # always the first
        (said("B"), said("B"), (0, 1)),  # always the second
        (said("B"), said("A"), (0, 0)),  # consistent, and wrong
        (said("A"), said("tie"), (1, 0)),
        (said("A"), "", (1, 0)),
        (said("A") * 2, said("B"), (0, 1)),
        ("", "", (0, 0)),
    ],
)
def test_both_orders_against_the_table(first, second, paid):
    results = both(first, second)
    assert tuple(result.score for result in results) == paid
    flags = [{part.name: part.score for part in result.details}["consistent"] for result in results]
    assert flags == [float(paid == (2, 2))] * 2
    assert tuple(result.score for result in reversed(both(second, first, ("B", "A")))) == paid


def test_ties_are_right_in_both_orders():
    assert [result.score for result in both(said("tie"), said("tie"), ("tie", "tie"))] == [2, 2]


def test_what_consistency_is_worth():
    assert [result.score for result in both(said("A"), said("B"), consistency=0.5)] == [1.5, 1.5]
    assert J1Reward(consistency=0.5).score_range == (0, 1.5)


def test_a_broken_label_fails_both():
    results = both(said("A"), said("B"), ("A", "C"))
    assert {result.failure.kind for result in results} == {FailureKind.BAD_INPUT}


@pytest.mark.parametrize("references", [("A", "A"), ("A", "tie")])
def test_answers_that_are_not_to_both_orders_are_not_paid(references):
    results = both(said("A"), said("A"), references)
    assert all("not both orders of one pair" in result.failure.detail for result in results)


def rows(*texts):
    return [
        Row("set/pairwise", text, reference, {"index": order, "pair_id": "p1", "split": "train"})
        for order, (text, reference) in enumerate(zip(texts, ("A", "B"), strict=False))
    ]


def test_rows_of_verl_that_meet_are_paid_together():
    scorer = scorer_of(KWARGS)
    first, second = rows(said("A"), said("B"))
    assert scorer.compares(first)
    results = asyncio.run(scorer.compare([first, second]))
    numbers = [scorer.scored(row, result).numbers for row, result in zip((first, second), results, strict=True)]
    assert [one["score"] for one in numbers] == [2, 2]
    assert [(one["acc"], one["consistent"], one["target"]) for one in numbers] == [(1, 1, 0), (1, 1, 1)]


def test_an_answer_alone_is_paid_for_being_right():
    scorer = scorer_of(KWARGS)
    right, wrong = (asyncio.run(scorer.score(*rows(said(one)))).numbers for one in ("A", "B"))
    assert (right["score"], right["consistent"]) == (1, 0)
    assert wrong["score"] == 0
    assert right.keys() == wrong.keys()
