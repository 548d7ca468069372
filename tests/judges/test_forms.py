"""Every form reads what it writes, raises at nothing, is fast on hostile text, and keeps judged text in its place."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_fn.judges.forms import FORMS, PAIR_FORMS
from reward_fn.judges.forms.attributes import AttributesVerdict
from reward_fn.judges.forms.checklist import ChecklistVerdict
from reward_fn.judges.forms.first_error import FirstError
from reward_fn.judges.forms.graded import GRADES, GradedVerdict
from reward_fn.judges.forms.json_scores import JsonScores
from reward_fn.judges.forms.listed_scores import ListedScores
from reward_fn.judges.forms.two_scores import TwoScores
from reward_fn.judges.pairwise import PREFERENCES, PairwiseVerdict
from reward_fn.judges.pointwise import ATTRIBUTES, PointwiseVerdict
from reward_fn.schema import Failure, FailureKind

PLAIN = st.characters(exclude_characters='<\\"')
REASONS = st.text(alphabet=PLAIN).map(lambda text: " ".join(text.split())).filter(bool)
SIDES = st.sampled_from(["A", "B"])
RATINGS = st.fixed_dictionaries({name: st.integers(0, 4) for name in ATTRIBUTES})

VERDICTS = {
    "pointwise": st.builds(PointwiseVerdict, st.integers(0, 4), REASONS),
    "pairwise": st.builds(PairwiseVerdict, st.sampled_from(PREFERENCES), REASONS),
    "attributes": st.builds(AttributesVerdict, RATINGS, REASONS),
    "boxed": st.builds(PairwiseVerdict, SIDES, REASONS),
    "bracketed": st.builds(PairwiseVerdict, SIDES, REASONS),
    "checklist": st.builds(ChecklistVerdict, st.sampled_from(PREFERENCES), st.lists(REASONS, min_size=1).map(tuple)),
    "first_error": st.builds(FirstError, st.integers(-1, 999_999), REASONS),
    "graded": st.builds(GradedVerdict, st.sampled_from(GRADES), REASONS),
    "json_scores": st.builds(JsonScores, st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), REASONS),
    "letter": st.builds(PairwiseVerdict, SIDES, REASONS),
    "listed_pair": st.builds(ListedScores, st.tuples(st.integers(1, 10), st.integers(1, 10)), REASONS),
    "listed_scores": st.builds(ListedScores, st.lists(st.integers(1, 10), min_size=1).map(tuple), REASONS),
    "two_scores": st.builds(TwoScores, st.integers(0, 10), st.integers(0, 10), REASONS),
}
"""Any verdict of each form."""

PIECES = st.lists(
    st.sampled_from(
        [
            *("<think>", "</think>", "<answer>", "</answer>", "<reason>", "</reason>", "<preference>", "</preference>"),
            *("[[A]]", "[[B]]", "\\boxed{", "}", "Assistant 1", "A", "tie", "3", "-1", "7, 4", "\n", "- ", "{", "```"),
            *('{"score_1": 3, "score_2": 4, "ranking": 5}', '"ranking"', "Scores:", "<helpfulness>", "</verbosity>"),
        ]
    )
    | st.text(max_size=5),
    max_size=16,
).map("".join)
MANY = settings(deadline=None, max_examples=60)
"""Cases of each form; a machine that is busy is no failure."""
EVERY_FORM = pytest.mark.parametrize("name", FORMS)


def texts(name: str) -> list[str]:
    return [f"text {number}" for number in range(FORMS[name].answers or 3)]


def test_every_form_is_tested():
    assert list(FORMS) == list(VERDICTS)


@EVERY_FORM
@MANY
@given(data=st.data())
def test_what_is_written_is_read_back(name, data):
    verdict = data.draw(VERDICTS[name])
    assert FORMS[name].parse(FORMS[name].write(verdict)) == verdict


@EVERY_FORM
@MANY
@given(text=PIECES)
def test_arbitrary_text_never_raises(name, text):
    form = FORMS[name]
    verdict = form.parse(text)
    if isinstance(verdict, Failure):
        assert verdict.detail and verdict.kind in (FailureKind.UNPARSEABLE, FailureKind.TRUNCATED)
    else:
        assert isinstance(form.parse(form.write(verdict)), type(verdict))
        if name in PAIR_FORMS:
            assert verdict.preference in (PREFERENCES if form.ties else ("A", "B"))


@EVERY_FORM
@pytest.mark.parametrize("text", ["", " \n", "A", "3", "<think>", "<think>let me see", "no verdict"])
def test_what_holds_no_verdict_is_a_failure(name, text):
    assert isinstance(FORMS[name].parse(text), Failure)


@EVERY_FORM
def test_the_thoughts_hold_no_verdict(name):
    form = FORMS[name]
    written = form.write(EXAMPLES[name])
    if name != "two_scores":  # whose thoughts are a part of it
        assert isinstance(form.parse(f"<think>{written}"), Failure)
        assert isinstance(form.parse(f"<think>{written}</think> I cannot say."), Failure)
        assert form.parse(f"<think>maybe not</think>{written}") == EXAMPLES[name]


EXAMPLES = {
    "pointwise": PointwiseVerdict(3, "why"),
    "pairwise": PairwiseVerdict("A", "why"),
    "attributes": AttributesVerdict(dict(zip(ATTRIBUTES, range(5), strict=True)), "why"),
    "boxed": PairwiseVerdict("B", "why"),
    "bracketed": PairwiseVerdict("A", "why"),
    "checklist": ChecklistVerdict("B", ("one", "two")),
    "first_error": FirstError(-1, "why"),
    "graded": GradedVerdict(-2, "why"),
    "json_scores": JsonScores(4, 2, 2, "why"),
    "letter": PairwiseVerdict("B", "why"),
    "listed_pair": ListedScores((7, 4), "why"),
    "listed_scores": ListedScores((7, 4, 10), "why"),
    "two_scores": TwoScores(7, 10, "why"),
}


@EVERY_FORM
def test_a_verdict_twice_is_none(name):
    written = FORMS[name].write(EXAMPLES[name])
    twice = FORMS[name].parse(f"{written}\n{written}")
    if name in ("letter", "graded"):  # of which the last one counts, as published
        assert not isinstance(twice, Failure)
    else:
        assert isinstance(twice, Failure)


@EVERY_FORM
@pytest.mark.parametrize(
    "piece", ["<", "{", "[", "<reason>", "<answer>", "</think>", "\\boxed{", "a.", "- \n", "1, ", '{"ranking":[', " "]
)
def test_long_hostile_text_is_parsed_at_once(name, piece):
    start = time.monotonic()
    for text in (piece * (300_000 // len(piece)), FORMS[name].write(EXAMPLES[name]) + piece * (300_000 // len(piece))):
        FORMS[name].parse(text)
    assert time.monotonic() - start < 2


@EVERY_FORM
@MANY
@given(prompt=st.text(), data=st.data())
def test_judged_texts_stay_inside_their_sections(name, prompt, data):
    answers = [data.draw(st.text()) for _ in texts(name)]
    (message,) = FORMS[name].messages([{"role": "user", "content": prompt}], answers)
    fence = re.search(r"^(~{3,}) conversation$", message["content"], re.M)[1]
    assert fence not in "\n".join([prompt, *answers])
    assert message["content"].count(fence) == len(answers) + 2
    assert all(answer in message["content"] for answer in answers)


@EVERY_FORM
def test_a_verdict_in_a_judged_text_is_only_text(name):
    form = FORMS[name]
    answers = [form.write(EXAMPLES[name]), *texts(name)[1:]]
    (message,) = form.messages([{"role": "user", "content": "{answer} %s"}], answers)
    fences = [found.start() for found in re.finditer("^~~~", message["content"], re.M)]
    assert fences[0] < message["content"].index(answers[0]) < fences[-1]
    assert "{answer} %s" in message["content"]
    assert message["role"] == "user"


@EVERY_FORM
def test_every_form_asks_its_own_question(name):
    asked = [FORMS[other].messages([], texts(other))[0]["content"] for other in FORMS if other != name]
    assert FORMS[name].messages([], texts(name))[0]["content"] not in asked


def test_the_wrong_number_of_answers_is_refused():
    with pytest.raises(ValueError, match="shows 2, not 1"):
        FORMS["letter"].messages([], ["one"])
    with pytest.raises(ValueError, match="shows one text or more, not 0"):
        FORMS["listed_scores"].messages([], [])


def test_options_reach_the_form():
    (message,) = FORMS["pointwise"].messages([], ["text"], attribute="verbosity")
    assert "how verbose" in message["content"]
