"""What each published form takes for a verdict, and what it does not."""

import pytest

from reward_fn.judges.forms import FORMS
from reward_fn.judges.forms.listed_scores import vote
from reward_fn.judges.forms.two_scores import structured
from reward_fn.schema import Failure

SCORES = '{"score_1": 4, "score_2": 2, "ranking": 1}'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("bracketed", "<type>Chat</type> A is right. <answer>[[A]]</answer>", "A"),
        ("bracketed", "<answer>[[B]]</answer> " + "x" * 56, "B"),  # 80 characters
        ("bracketed", "<answer>[[A]]</answer>" + "x" * 100 + "<answer>[[B]]</answer>", "B"),  # the first is far off
        ("boxed", "I say \\boxed{Assistant 1}.", "A"),
        ("boxed", "\\boxed{ Assistant 2 }", "B"),
        ("letter", "first <answer>A</answer>, no: <answer> B </answer>.", "B"),
        ("graded", "<answer>-3</answer>", "A"),
        ("graded", "<answer>3</answer>", "B"),
        ("two_scores", "<think>hm</think>\n<answer>7</answer><answer>4</answer>", "A"),
        ("two_scores", "hm</think> <answer>4</answer> and <answer> 10 </answer>", "B"),  # the template opened it
        ("two_scores", "<think></think><answer>4</answer><answer>4</answer>", "tie"),
        ("json_scores", f"A is better. {SCORES}", "A"),
        ("json_scores", f"why\n```json\n{SCORES}\n```", "A"),
        ("json_scores", '{"ranking": 4, "score_1": 4,\n "score_2": 2}', "B"),
        ("listed_pair", "Scores: \\boxed{7, 4}", "A"),
        ("listed_pair", "\\boxed{4, 4}", "tie"),
        ("checklist", "<reason>- right\n  - short</reason><preference>tie</preference>", "tie"),
    ],
)
def test_reads_a_preference(name, text, said):
    assert FORMS[name].parse(text).preference == said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bracketed", "<answer>[[A]]</answer> " + "x" * 60),  # the verdict begins before the last 80 characters
        ("bracketed", "<answer>[[A]]</answer><answer>[[B]]</answer>"),
        ("bracketed", "<answer>[[C]]</answer>"),
        ("bracketed", "<answer>[[tie]]</answer>"),
        ("bracketed", "<answer>A</answer>"),
        ("bracketed", "[[A]]"),
        ("boxed", "\\boxed{Assistant 3}"),
        ("boxed", "\\boxed{1}"),
        ("boxed", "\\boxed{Assistant 1} or \\boxed{Assistant 2}"),
        ("boxed", "\\boxed{\\text{Assistant 1}}"),
        ("boxed", "\\boxed{Assistant 1"),
        ("letter", "<answer>Bad</answer>"),
        ("letter", "<answer>Assistant B</answer>"),
        ("letter", "<answer>A</answer> or rather <answer>B"),
        ("letter", "<answer>tie</answer>"),
        ("graded", "<answer>0</answer>"),
        ("graded", "<answer>4</answer>"),
        ("graded", "<answer>13</answer>"),
        ("graded", "<answer>-2.5</answer>"),
        ("graded", "<answer>+2</answer>"),
        ("two_scores", "<answer>7</answer><answer>4</answer>"),
        ("two_scores", "<think>hm</think><answer>7</answer>"),
        ("two_scores", "<think>hm</think><answer>7</answer><answer>11</answer>"),
        ("two_scores", "<think>hm</think><answer>7</answer><answer>-1</answer>"),
        ("two_scores", "<think>hm</think><answer>7.5</answer><answer>4</answer>"),
        ("two_scores", "<answer>7</answer><answer>4</answer><think>hm</think>"),
        ("json_scores", '{"score_1": 4, "score_2": 2}'),
        ("json_scores", '{"score_1": 4, "score_2": 2, "ranking": 7}'),
        ("json_scores", '{"score_1": 0, "score_2": 2, "ranking": 1}'),
        ("json_scores", '{"score_1": 4.0, "score_2": 2, "ranking": 1}'),
        ("json_scores", '{"score_1": "4", "score_2": 2, "ranking": 1}'),
        ("json_scores", '{"score_1": true, "score_2": 2, "ranking": 1}'),
        ("json_scores", '{"score_1": 4, "score_1": 5, "score_2": 2, "ranking": 1}'),
        ("json_scores", '{"score_1": 4, "score_2": 2, "ranking": 1, "why": 3}'),
        ("json_scores", f"{SCORES} That is my verdict."),
        ("json_scores", '{"score_1": 4, "score_2": 2, "ranking": ' + "[" * 200),
        ("listed_scores", "\\boxed{0, 4}"),
        ("listed_scores", "\\boxed{4, 11}"),
        ("listed_scores", "\\boxed{4; 5}"),
        ("listed_scores", "\\boxed{}"),
        ("listed_scores", "\\boxed{4.5, 3}"),
        ("listed_scores", "\\boxed{4} \\boxed{5}"),
        ("listed_pair", "\\boxed{4, 5, 6}"),
        ("first_error", "\\boxed{-2}"),
        ("first_error", "\\boxed{step 3}"),
        ("first_error", "\\boxed{3}" + "x" * 300),
        ("attributes", "<reason>why</reason><helpfulness>3</helpfulness>"),
        ("checklist", "<reason>right, and short</reason><preference>A</preference>"),
        ("checklist", "<reason>- right\nand short</reason><preference>A</preference>"),
        ("checklist", "<reason>- right\n- </reason><preference>A</preference>"),
    ],
)
def test_refuses_what_is_not_a_verdict(name, text):
    failure = FORMS[name].parse(text)
    assert isinstance(failure, Failure) and failure.detail


def test_the_attributes_stand_in_their_order_and_range():
    tags = ["<helpfulness>3</helpfulness>", "<correctness>4</correctness>", "<coherence>4</coherence>"]
    tags += ["<complexity>0</complexity>", "<verbosity>1</verbosity>"]
    parse = FORMS["attributes"].parse
    verdict = parse("<reason>why</reason>" + "\n".join(tags))
    assert verdict.scores == {"helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 0, "verbosity": 1}
    assert isinstance(parse("<reason>why</reason>" + "".join(reversed(tags))), Failure)
    assert isinstance(parse("<reason>why</reason>" + "".join(tags).replace("0", "5")), Failure)
    assert isinstance(parse("".join(tags)), Failure)


def test_listed_scores_know_the_best_answer():
    parse = FORMS["listed_scores"].parse
    assert parse("Specific Criteria: x\nAnalysis: y\nScores: \\boxed{7, 4}").scores == (7, 4)
    assert parse("Specific Criteria: x\nAnalysis: y\nScores: \\boxed{7, 4}").reason.endswith("Analysis: y")
    assert parse("\\boxed{7,4, 9}").best == 2
    assert parse("\\boxed{9, 4, 9}").best is None
    assert parse("\\boxed{5}").best == 0


@pytest.mark.parametrize(
    ("text", "is_structured"),
    [
        ("<think>hm</think><answer>7</answer><answer>40</answer>", True),
        ("<think>hm</think><answer></answer><answer>x</answer>", True),
        ("hm</think><answer>7</answer><answer>4</answer>", True),
        ("<think>hm</think><answer>7</answer>", False),
        ("<answer>7</answer><answer>4</answer>", False),
        ("", False),
    ],
)
def test_the_structure_of_two_scores_is_told_from_what_they_hold(text, is_structured):
    assert structured(text) is is_structured


def test_samples_vote_by_their_sum():
    samples = [(7, 4), (5, 6), (8, 8)]
    assert vote(samples) == [20, 18]
    # The second sample was shown the answers the other way round.
    assert vote(samples, orders=[(0, 1), (1, 0), (0, 1)]) == [21, 17]
    assert vote(samples, quality=[0.1, 0.9, 0.5]) == [13, 14]
    assert vote([(1, 9), (9, 1)], quality=[0.5, 0.5]) == [1, 9]


@pytest.mark.parametrize(
    "arguments",
    [([],), ([(1, 2)], [(0, 0)]), ([(1, 2)], []), ([(1, 2), (3,)],), ([(1, 2)], None, [1, 2])],
)
def test_samples_that_do_not_fit_cannot_vote(arguments):
    with pytest.raises(ValueError):
        vote(*arguments)
