"""Outcome and reasons: average precision by hand, reasons by their words, and by a meta-judge."""

import json

import pytest

from reward_fn.judges.llm import OpenaiLLM
from reward_fn.judges.template import UnparseableError
from reward_fn.schema import DataOutput, DataSample, FailureKind, RewardError, Step
from rm_train.tasks.judged_rationale import JudgedRationaleReward, MatchTemplate
from rm_train.tasks.rationale import Match, average_precision, match_by_words

NAME = "rationale_reward"
HUMAN = ["A names both moons", "B has the wrong year"]
LABEL = {"reference": "A", "checklist": HUMAN}


def said(preference, *points):
    return (
        f"<reason>{''.join(f'- {point}' + chr(10) for point in points)}</reason><preference>{preference}</preference>"
    )


@pytest.mark.parametrize(
    ("matches", "precision"),
    [
        ([(0, 1), (1, 1)], 1),
        ([(1, 1), (0, 1)], 1),
        ([(0, 1), (None, 0)], 0.5),
        ([(None, 0), (None, 0)], 0),
        ([(0, 0.5), (1, 1)], (0.5 + 0.75) / 2),
        ([(1, 0.5), (0, 1)], (1 + 0.75) / 2),  # the better one first
        ([(0, 1), (0, 0.5), (2, 1)], (1 + 1) / 3),  # two of the human's have one match
        ([(4, 1), (None, 0), (None, 0)], 1 / 3),  # what matches nothing takes no place
    ],
)
def test_average_precision_by_hand(matches, precision):
    assert average_precision([Match(*match) for match in matches]) == pytest.approx(precision)


def test_reasons_are_compared_by_their_words():
    points = ["B gives the wrong year", "short", "a names BOTH moons."]
    assert match_by_words(HUMAN, points) == [(2, 1.0), (0, 0.8)]
    assert match_by_words(HUMAN, ["it is better"]) == [(None, 0)] * 2


@pytest.mark.parametrize(
    ("text", "product", "total"),
    [
        (said("A", *HUMAN), 1, 2),
        (said("A", HUMAN[1]), 0.5, 1.5),
        (said("A", "it is better"), 0, 1),
        (said("B", *HUMAN), 0, 1),
        (said("tie", *HUMAN), 0, 1),
        (said("A", *["filler"] * 5, *HUMAN), 0, 1),  # the first five count
        (said("A"), 0, 0),
        ("", 0, 0),
        (said("A", *HUMAN) * 2, 0, 0),
    ],
)
def test_outcome_and_reasons_against_the_table(pay, text, product, total):
    assert pay(NAME, text, LABEL)["score"] == pytest.approx(product)
    assert pay(NAME, text, LABEL, combine="sum")["score"] == pytest.approx(total)


def test_the_weight_of_a_sum_and_the_parts(pay):
    result = pay(NAME, said("B", HUMAN[0]), {**LABEL, "checklist": json.dumps(HUMAN)}, combine="sum", weight=0.5)
    assert (result["score"], result["rationale"], result["recall"]) == (0.25, 0.5, 0.5)
    assert (result["acc"], result["predicted"], result["format_ok"]) == (0, 1, 1)
    assert pay(NAME, "", LABEL)["rationale"] == 0


@pytest.mark.parametrize("checklist", [None, [], [""], "why", "{}", [1], "[" * 99_999])
def test_a_broken_checklist_is_bad_input(pay, checklist):
    for text in (said("A", "why"), ""):
        with pytest.raises(RewardError, match=r"the label's checklist is .*, not a list of reasons"):
            pay(NAME, text, {"reference": "A", "checklist": checklist})


@pytest.fixture
def judged(monkeypatch):
    """The reward with a meta-judge that says what is set in `reply`, and keeps what it was asked."""
    asked = []

    async def aask(self, messages, read, **_):
        asked.append(messages[0]["content"])
        from reward_fn.judges.llm import Completion

        return read(Completion(text=judge.reply))

    class Judge:
        reply = ""

        def __call__(self, text, label=LABEL, **fields):
            llm = OpenaiLLM(model="none", base_url="http://127.0.0.1:1", api_key="none")
            reward = JudgedRationaleReward(llm=llm, structured=False, reask=0, **fields)
            (result,) = reward.score(DataSample(output=[DataOutput(answer=Step(content=text, label=label))]))
            return result

    monkeypatch.setattr(OpenaiLLM, "aask", aask)
    judge = Judge()
    judge.asked = asked
    return judge


def reply(points, scores):
    return f"<reason>why</reason><points>{points}</points><scores>{scores}</scores>"


def test_a_meta_judge_says_which_reasons_are_the_same(judged):
    judged.reply = reply([2, 0], [0.5, 0])
    result = judged(said("A", "other words", "both are named"), combine="sum")
    parts = {part.name: part.score for part in result.details}
    assert (result.score, parts["rationale"], parts["recall"], parts["acc"]) == (1.25, 0.25, 0.25, 1)
    (asked,) = judged.asked
    assert "1. A names both moons\n2. B has the wrong year" in asked and "2. both are named" in asked


def test_an_invalid_verdict_costs_no_request(judged):
    assert judged("").score == 0
    assert judged.asked == []
    assert judged("", {"reference": "A"}).failure.kind is FailureKind.BAD_INPUT
    assert judged(said("A", "why"), {**LABEL, "reference": "C"}).failure.kind is FailureKind.BAD_INPUT
    assert judged.asked == []


@pytest.mark.parametrize(
    "wrong", ["", reply([1], [1]), reply([3, 0], [1, 0]), reply([-1, 0], [1, 0]), reply([1, 0], [2, 0])]
)
def test_a_meta_judge_that_fails_is_a_failure_of_the_reward(judged, wrong):
    judged.reply = wrong
    result = judged(said("A", "one", "two"))
    assert result.score is None and result.failure.kind is FailureKind.UNPARSEABLE


def test_its_form_is_read_as_json_too():
    assert MatchTemplate.parse('{"reason": "x", "points": [1, 0], "scores": [1.0, 0]}').points == [1, 0]
    with pytest.raises(UnparseableError):
        MatchTemplate.parse('{"reason": "x", "points": ["one"], "scores": [1.0]}')
