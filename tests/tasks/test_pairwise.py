"""The recipes that need a preference only: each against a table, and recipes of one's own."""

import re
from pathlib import Path

import pytest

from reward_fn.adapters.verl.settings import Settings
from reward_fn.judges.forms import FORMS, PAIR_FORMS
from reward_fn.judges.forms.graded import GradedVerdict
from reward_fn.judges.pairwise import PairwiseVerdict, swapped
from reward_fn.loading import RewardConfigError, load_reward
from reward_fn.schema import DataOutput, DataSample, Failure, FailureKind, RewardError, Step

NAME = "pairwise_verdict_reward"
PARTS = ["acc", "format_ok", "predicted", "target", "tie", "chose_a", "chose_longer", "response_length"]
OURS = "<reason>why</reason><preference>{}</preference>"
RM_R1 = "why <answer>[[{}]]</answer>"
RRM = "why \\boxed{{Assistant {}}}"
THINK = "why <answer>{}</answer>"
EMPTY = ""

# Recipe, form, and rows of: answer, label's reference, strength, payment.
TABLE = {
    ("rm_gallery_pairwise", "pairwise"): [
        (OURS.format("A"), "A", -2, 1),
        (OURS.format("B"), "A", -2, 0),
        (OURS.format("tie"), "A", -2, 0),
        (OURS.format("tie"), "tie", 0, 1),
        (OURS.format("A"), "tie", 0, 0),
        (OURS.format("UNKNOWN"), "tie", 0, 0),
        ("PROPERTIES OF MATTER", "tie", 0, 0),
        ("I would not choose response A, choose B", "A", -1, 0),
        (OURS.format("A") * 2, "A", -1, 0),
        (EMPTY, "tie", 0, 0),
    ],
    ("rm_r1", "bracketed"): [
        (RM_R1.format("A"), "A", -1, 1),
        (RM_R1.format("B"), "B", 1, 1),
        (RM_R1.format("A"), "B", 1, -1),
        (RM_R1.format("C"), "B", 1, -1),
        (RM_R1.format("tie"), "B", 1, -1),
        (RM_R1.format("A") + RM_R1.format("B"), "B", 1, -1),
        (RM_R1.format("B") + "x" * 80, "B", 1, -1),
        ("[[B]]", "B", 1, -1),
        (EMPTY, "A", -1, -1),
    ],
    ("rrm", "boxed"): [
        (RRM.format(1), "A", -1, 1),
        (RRM.format(2), "A", -1, -1),
        (RRM.format(2), "B", 3, 1),
        (RRM.format(3), "A", -1, -1),
        (RRM.format(1) + RRM.format(2), "A", -1, -1),
        (EMPTY, "B", 1, -1),
    ],
    ("j4r", "pairwise"): [
        (OURS.format("A"), "A", -1, 1),
        (OURS.format("B"), "A", -1, 0),
        (OURS.format("tie"), "tie", 0, 1),
        (EMPTY, "A", -1, 0),
    ],
    ("think_rm_binary", "letter"): [
        (THINK.format("A"), "A", -3, 1),
        (THINK.format("A"), "B", 3, 0),
        (THINK.format("A") + THINK.format("B"), "B", 3, 1),  # the last one counts
        (THINK.format("Bad"), "B", 3, 0),
        (THINK.format("tie"), "B", 3, 0),
        (EMPTY, "B", 3, 0),
    ],
    ("think_rm_multiclass", "graded"): [
        (THINK.format(-2), "A", -2, 1),
        (THINK.format(-1), "A", -2, 0.5),
        (THINK.format(-3), "A", -2, 0.5),
        (THINK.format(2), "A", -2, 0),
        (THINK.format(1), "B", 3, 0.5),
        (THINK.format(3), "B", 3, 1),
        (THINK.format(13), "B", 3, 0),  # out of range, and no 3
        (THINK.format(0), "B", 3, 0),
        (THINK.format(4), "B", 3, 0),
        (THINK.format(1) + THINK.format(3), "B", 3, 1),
        (EMPTY, "B", 3, 0),
    ],
    ("margin_aware", "pairwise"): [
        (OURS.format("A"), "A", -3, 1),
        (OURS.format("A"), "A", -2, 5 / 6),
        (OURS.format("B"), "B", 1, 2 / 3),
        (OURS.format("tie"), "tie", 0, 0.5),
        (OURS.format("A"), "tie", 0, 0),
        (OURS.format("tie"), "B", 1, 0),
        (OURS.format("A"), "B", 3, 0),
        (OURS.format("A") * 2, "A", -3, -0.25),
        (EMPTY, "tie", 0, -0.25),
    ],
}
ROWS = [(*key, *row) for key, rows in TABLE.items() for row in rows]


@pytest.mark.parametrize(("recipe", "form", "text", "reference", "strength", "paid"), ROWS)
def test_a_recipe_against_its_table(pay, recipe, form, text, reference, strength, paid):
    label = {"reference": reference, "strength": strength}
    result = pay(NAME, text, label, recipe=recipe, form=form)
    assert result["score"] == pytest.approx(paid)
    valid = not isinstance(FORMS[form].parse(text), Failure)
    assert result["format_ok"] == valid
    assert (result["predicted"] == -1) == (not valid)
    assert result["response_length"] == len(text)


@pytest.mark.parametrize(("recipe", "form", "text", "reference", "strength", "paid"), ROWS)
def test_the_payment_is_the_same_when_the_answers_change_places(pay, recipe, form, text, reference, strength, paid):
    verdict = FORMS[form].parse(text)
    if isinstance(verdict, PairwiseVerdict):
        text = FORMS[form].write(PairwiseVerdict(swapped(verdict.preference), verdict.reason))
    elif isinstance(verdict, GradedVerdict):
        text = FORMS[form].write(GradedVerdict(-verdict.grade, verdict.reason))
    label = {"reference": swapped(reference), "strength": -strength}
    assert pay(NAME, text, label, recipe=recipe, form=form)["score"] == pytest.approx(paid)


def test_the_parts_say_what_was_chosen(pay):
    label = {"reference": "B", "length_a": 10, "length_b": 300}
    texts = {one: OURS.format(one) for one in ("A", "B", "tie", "C")}
    results = {one: pay(NAME, text, label, recipe="j4r") for one, text in texts.items()}
    assert [name for name in results["A"] if name in PARTS] == PARTS
    rows = {one: [result[name] for name in PARTS[:-1]] for one, result in results.items()}
    #                    acc format predicted target tie chose_a chose_longer
    assert rows["A"] == [0, 1, 0, 1, 0, 1, 0]
    assert rows["B"] == [1, 1, 1, 1, 0, 0, 1]
    assert rows["tie"] == [0, 1, 2, 1, 1, 0, 0]
    assert rows["C"] == [0, 0, -1, 1, 0, 0, 0]


def test_equal_lengths_have_no_longer_answer(pay):
    label = {"reference": "tie", "length_a": 10, "length_b": 10}
    for one in ("A", "B", "tie"):
        assert pay(NAME, OURS.format(one), label, recipe="j4r")["chose_longer"] == 0


def test_grades_have_a_part_of_their_own(pay):
    label = {"reference": "A", "strength": -2}
    results = [pay(NAME, THINK.format(one), label, recipe="think_rm_multiclass", form="graded") for one in (-2, -1, 9)]
    assert [result["exact_grade"] for result in results] == [1, 0, 0]
    assert [result["acc"] for result in results] == [1, 1, 0]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({}, "reference is None, not A, B or tie"),
        ({"reference": "a"}, "reference is 'a'"),
        ({"reference": "UNKNOWN"}, "reference is 'UNKNOWN'"),
        ({"reference": ""}, "reference is ''"),
        ({"reference": "A", "strength": 2}, "strength is 2, not one that fits the reference A"),
        ({"reference": "A", "strength": 0}, "strength is 0"),
        ({"reference": "tie", "strength": 1}, "strength is 1"),
        ({"reference": "A", "strength": -4}, "strength is -4, not a whole number from -3 to 3"),
        ({"reference": "A", "strength": -100}, "strength is -100"),
        ({"reference": "A", "strength": True}, "strength is True"),
        ({"reference": "A", "strength": -1.5}, "strength is -1.5"),
        ({"reference": "A", "length_a": 3}, "length_b is None"),
        ({"reference": "A", "length_a": 3, "length_b": -1}, "length_b is -1"),
    ],
)
@pytest.mark.parametrize("text", [OURS.format("A"), OURS.format("tie"), EMPTY])
def test_a_broken_label_is_bad_input_and_never_a_tie(pay, label, said, text):
    with pytest.raises(RewardError, match=said.replace("(", r"\(")) as error:
        pay(NAME, text, {"more": 1, **label}, recipe="rm_gallery_pairwise")
    assert error.value.failure.kind is FailureKind.BAD_INPUT


@pytest.mark.parametrize("text", [OURS.format("A"), OURS.format("B"), EMPTY])
def test_recipes_by_strength_need_one_whatever_the_verdict(pay, text):
    with pytest.raises(RewardError, match="strength is None"):
        pay(NAME, text, {"reference": "A"}, recipe="margin_aware")


@pytest.mark.parametrize("form", [name for name, form in PAIR_FORMS.items() if not form.ties])
def test_a_tie_is_bad_input_for_a_form_that_knows_none(pay, form):
    with pytest.raises(RewardError, match=f"the form {form} knows no tie; leave ties out"):
        pay(NAME, "", "tie", recipe="rm_r1", form=form)


def test_numbers_may_come_as_digits_or_from_a_column_with_gaps(pay):
    for strength in (-2, "-2", -2.0):
        label = {"reference": "A", "strength": strength}
        assert pay(NAME, OURS.format("A"), label, recipe="margin_aware")["score"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("form", PAIR_FORMS)
def test_a_recipe_goes_with_every_form_of_a_pair(pay, form):
    assert pay(NAME, "no verdict", "A", recipe="rm_r1", form=form)["score"] == -1


def example(language):
    """Return the example of the page on recipes."""
    page = Path("docs/recipes.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1]


def test_a_recipe_of_ones_own_is_a_yaml_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(example("yaml"))
    mine = load_reward(path)
    label = {"reference": "B", "strength": 1}
    texts = [THINK.format("B"), THINK.format("A"), ""]
    outputs = [DataOutput(answer=Step(content=text, label=label)) for text in texts]
    assert [result.score for result in mine.score(DataSample(output=outputs))] == [1, -1, -3]
    assert mine.score_range == (-3, 2)


def test_a_recipe_of_ones_own_is_a_small_class(pay, tmp_path, monkeypatch):
    (tmp_path / "my_recipes.py").write_text(example("python"))
    monkeypatch.syspath_prepend(tmp_path)
    short = "my_recipes:Short"
    assert pay(short, RM_R1.format("A"), "A", form="bracketed")["score"] == pytest.approx(1 / 1.026)
    assert pay(short, RM_R1.format("B"), "A", form="bracketed")["score"] == 0
    assert pay(short, "", "A", form="bracketed")["score"] == -1
    assert pay(short, "", "A")["format_ok"] == 0


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"recipe": "rm_r2"}, "recipe: there is no recipe 'rm_r2'; choose one of .* (did you mean rm_r1?)"),
        ({"recipe": "rm_r1", "form": "bracket"}, "form: there is no form 'bracket'; .* (did you mean bracketed?)"),
        ({"recipe": "rm_r1", "form": "pointwise"}, "form: there is no form 'pointwise'"),
        ({"recipe": {"right": 1, "wrongg": 2}}, "recipe.wrongg: there is no such field; did you mean wrong?"),
        ({"recipe": {"right": float("nan")}}, "recipe.right: Input should be a finite number"),
        ({"recipe": "think_rm_multiclass"}, "the form pairwise has none; write form: graded"),
        ({}, "recipe: this field is needed: what is paid"),
    ],
)
def test_wrong_settings_are_named(kwargs, said):
    with pytest.raises(RewardConfigError, match=said.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
        Settings.read({"reward": NAME, **kwargs})
