"""Each data set of pairs: what is read of a good row, and which field of a broken one is named."""

import json
from collections import Counter

import pytest

from rm_train.data import BadRowError
from rm_train.data.converters import PAIR_CONVERTERS, chosen_rejected
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields
from tests.data import pair_rows
from tests.data.pair_rows import MAKERS, all_rows, pairs_of, prepare_pairs
from tests.data.preferences import REAL, needs_real_files, write

ASKED = [{"role": "user", "content": "question 3?"}]


def convert(dataset, row):
    return PAIR_CONVERTERS[dataset](Fields(row))


@pytest.mark.parametrize(
    ("strength", "preference"), [(-3, "A"), (-2, "A"), (-1, "A"), (0, "tie"), (1, "B"), (2, "B"), (3, "B")]
)
def test_a_strength_says_which_answer_is_better(strength, preference):
    for dataset, field in (("helpsteer2_preference", "preference_strength"), ("helpsteer3", "overall_preference")):
        pair = convert(dataset, MAKERS[dataset](3, **{field: strength}))
        assert (pair.preference, pair.strength) == (preference, strength)
        assert pair.answers == ("first answer 3", "second answer 3")
        assert (pair.scores, pair.facts) == ((None, None), None)


def test_conversations_are_read_as_each_set_writes_them():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    marked = "a\n<extra_id_1>Assistant\nb\n<extra_id_1>User\nc"
    assert convert("helpsteer2_preference", pair_rows.helpsteer2_preference(prompt=marked)).conversation == turns
    assert convert("helpsteer3", pair_rows.helpsteer3(context=turns)).conversation == turns
    told = [{"role": "system", "content": "Be brief."}, *turns]
    assert convert("rmb_pairs", pair_rows.rmb_pair(conversation_input=told)).conversation == told


@pytest.mark.parametrize(
    "row",
    [
        pair_rows.chosen_rejected(3),
        {"instruction": "question 3?", "chosen_response": "good answer 3", "rejected_response": "bad answer 3"},
        pair_rows.chosen_rejected(3, prompt=ASKED),
        {**pair_rows.chosen_rejected(3), "prompt": None, "messages": ASKED},
        pair_rows.ultrafeedback(3),
        pair_rows.ultrafeedback(3, prompt=None, messages=None),
        {
            "prompt": ASKED,
            "chosen": [{"role": "assistant", "content": "good answer 3"}],
            "rejected": [{"role": "assistant", "content": "bad answer 3"}],
        },
    ],
)
def test_every_form_of_chosen_and_rejected_is_the_same_pair(row):
    pair = convert("chosen_rejected", row)
    assert pair.conversation == ASKED
    better = "AB".index(pair.preference)
    assert (pair.answers[better], pair.answers[1 - better]) == ("good answer 3", "bad answer 3")
    assert pair.strength is None
    if "score_chosen" in row:
        assert (pair.scores[better], pair.scores[1 - better]) == (8.5, 3.0)


def test_a_name_that_is_given_is_the_only_one_that_is_read():
    row = {"q": "question 3?", "better": "good answer 3", "worse": "bad answer 3", "prompt": "not this", "mark": 0.5}
    names = {"prompt": "q", "chosen": "better", "rejected": "worse", "score_chosen": "mark"}
    pair = chosen_rejected.convert(Fields(row), names)
    assert pair.conversation == ASKED
    assert sorted(map(str, pair.scores)) == ["0.5", "None"]
    with pytest.raises(RowProblem, match="q: the field is missing"):
        chosen_rejected.convert(Fields(pair_rows.chosen_rejected()), {"prompt": "q"})


def _without(row, field):
    return {key: value for key, value in row.items() if key != field}


USER, ASSISTANT = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
TURNS = {
    "the assistant last": [USER, ASSISTANT],
    "the user twice": [USER, USER],
    "the assistant first": [ASSISTANT, USER],
    "the system only": [{"role": "system", "content": "a"}],
    "the system within": [USER, {"role": "system", "content": "a"}, USER],
}
TWICE = [USER, ASSISTANT, ASSISTANT]
HELPSTEER2, HELPSTEER3 = pair_rows.helpsteer2_preference, pair_rows.helpsteer3
CASES = [
    *(
        (dataset, maker(**{field: value}), field, reason)
        for dataset, maker, field in (
            ("helpsteer2_preference", HELPSTEER2, "preference_strength"),
            ("helpsteer3", HELPSTEER3, "overall_preference"),
        )
        for value, reason in (
            (None, BadReason.NULL),
            (float("nan"), BadReason.NOT_AN_INTEGER),
            (-100, BadReason.OUT_OF_RANGE),
            (4, BadReason.OUT_OF_RANGE),
            (-4, BadReason.OUT_OF_RANGE),
            (1.0, BadReason.NOT_AN_INTEGER),
            (1.5, BadReason.NOT_AN_INTEGER),
            (True, BadReason.NOT_AN_INTEGER),
            ("2", BadReason.NOT_AN_INTEGER),
        )
    ),
    *(
        ("helpsteer2_preference", _without(HELPSTEER2(), field), field, BadReason.MISSING)
        for field in ("split", "prompt", "response_1", "response_2", "preference_strength")
    ),
    *(
        ("helpsteer3", _without(HELPSTEER3(), field), field, BadReason.MISSING)
        for field in ("context", "response1", "response2", "overall_preference")
    ),
    ("helpsteer2_preference", HELPSTEER2(split="test"), "split", BadReason.NOT_A_CHOICE),
    ("helpsteer2_preference", HELPSTEER2(split=1), "split", BadReason.NOT_TEXT),
    ("helpsteer2_preference", HELPSTEER2(response_1=" "), "response_1", BadReason.EMPTY),
    ("helpsteer2_preference", HELPSTEER2(response_2=None), "response_2", BadReason.NULL),
    ("helpsteer2_preference", HELPSTEER2(prompt="a<extra_id_1>Assistant\nb"), "prompt", BadReason.BAD_TURNS),
    (
        "helpsteer2_preference",
        HELPSTEER2(response_1="same", response_2="same", preference_strength=1),
        "preference_strength",
        BadReason.CONTRADICTION,
    ),
    ("helpsteer3", HELPSTEER3(response1="same", response2="same"), "overall_preference", BadReason.CONTRADICTION),
    ("helpsteer3", HELPSTEER3(context="question?"), "context", BadReason.NOT_A_LIST),
    ("helpsteer3", HELPSTEER3(context=[]), "context", BadReason.EMPTY_LIST),
    ("helpsteer3", HELPSTEER3(context=[USER, {"role": "tool", "content": "a"}]), "context[1].role",
     BadReason.NOT_A_CHOICE),
    ("helpsteer3", HELPSTEER3(context=[{"role": "user", "content": " "}]), "context[0].content", BadReason.EMPTY),
    *(("helpsteer3", HELPSTEER3(context=turns), "context", BadReason.BAD_TURNS) for turns in TURNS.values()),
    *(
        ("rmb_pairs", pair_rows.rmb_pair(conversation_input=turns), "conversation_input", BadReason.BAD_TURNS)
        for turns in TURNS.values()
    ),
    ("rmb_pairs", _without(pair_rows.rmb_pair(), "chosen"), "chosen", BadReason.MISSING),
    ("rmb_pairs", pair_rows.rmb_pair(reject={"llm_name": "m"}), "reject.answer", BadReason.MISSING),
    ("rmb_pairs", pair_rows.rmb_pair(chosen={"answer": ""}), "chosen.answer", BadReason.EMPTY),
    ("rmb_pairs", pair_rows.rmb_pair(reject={"answer": "good answer 0"}), "reject", BadReason.CONTRADICTION),
    *(
        ("chosen_rejected", _without(pair_rows.chosen_rejected(), field), field, BadReason.MISSING)
        for field in ("prompt", "chosen", "rejected")
    ),
    ("chosen_rejected", pair_rows.chosen_rejected(chosen=""), "chosen", BadReason.EMPTY),
    ("chosen_rejected", pair_rows.chosen_rejected(rejected={"a": 1}), "rejected", BadReason.NOT_TEXT),
    ("chosen_rejected", pair_rows.chosen_rejected(rejected="good answer 0"), "rejected", BadReason.CONTRADICTION),
    ("chosen_rejected", pair_rows.chosen_rejected(rejected=[USER, ASSISTANT]), "rejected", BadReason.CONTRADICTION),
    ("chosen_rejected", pair_rows.ultrafeedback(chosen=[USER, ASSISTANT]), "rejected", BadReason.CONTRADICTION),
    ("chosen_rejected", pair_rows.ultrafeedback(chosen=[USER]), "chosen", BadReason.BAD_TURNS),
    ("chosen_rejected", pair_rows.ultrafeedback(chosen=[]), "chosen", BadReason.EMPTY_LIST),
    ("chosen_rejected", pair_rows.ultrafeedback(chosen=TWICE, rejected=TWICE), "chosen", BadReason.BAD_TURNS),
    ("chosen_rejected", pair_rows.chosen_rejected(prompt=[USER, ASSISTANT]), "prompt", BadReason.BAD_TURNS),
    *(
        ("chosen_rejected", pair_rows.ultrafeedback(score_chosen=score), "score_chosen", BadReason.NOT_A_NUMBER)
        for score in ("8", True, float("nan"), float("inf"), [8])
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "row", "field", "reason"), CASES)
def test_a_broken_row_names_its_field(dataset, row, field, reason):
    with pytest.raises(RowProblem) as caught:
        convert(dataset, row)
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_equal_answers_may_be_a_tie():
    row = pair_rows.helpsteer2_preference(response_1="same", response_2="same", preference_strength=0)
    assert convert("helpsteer2_preference", row).preference == "tie"


def test_what_is_not_used_is_not_checked():
    unused = {"all_preferences_unprocessed": None, "preference_statement": 7, "three_most_similar_preferences": "x"}
    assert convert("helpsteer2_preference", pair_rows.helpsteer2_preference(4, **unused)).strength == 1
    assert convert("helpsteer3", pair_rows.helpsteer3(4, individual_preference=None, domain=3)).strength == 1


@pytest.mark.parametrize("dataset", ["rmb_pairs", "chosen_rejected"])
def test_the_chosen_answer_stands_first_as_often_as_second(dataset):
    pairs = [convert(dataset, MAKERS[dataset](number)) for number in range(2000)]
    assert 0.47 < sum(pair.preference == "A" for pair in pairs) / len(pairs) < 0.53
    assert pairs == [convert(dataset, MAKERS[dataset](number)) for number in range(2000)]
    for pair in pairs:
        assert pair.answers["AB".index(pair.preference)].startswith("good")


@needs_real_files
def test_the_real_pairs_of_rmb(tmp_path):
    folder = REAL / "rmb" / "pairwise"
    with pytest.raises(BadRowError, match=r"rmb/pairwise/.*\.json, row \d+: reject: .*both are the same text"):
        prepare_pairs("rmb_pairs", folder, tmp_path / "out")
    prepared = prepare_pairs("rmb_pairs", folder, tmp_path / "out", on_bad_row="skip")
    assert prepared.manifest["bad_rows"]["by_reason"] == {"contradicts the row": 2}
    rows = all_rows(prepared)
    assert len(rows) == 2 * (1255 - 2)
    given = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")}
    for row in rows:
        name, _, number = row["extra_info"]["source"].rpartition(":")
        answers = json.loads(row["extra_info"]["answers"])
        chosen = given[name][int(number) - 1]["chosen"]["answer"]
        assert answers["AB".index(row["reward_model"]["ground_truth"])] == chosen
    first = Counter(row["reward_model"]["ground_truth"] for row, _ in pairs_of(rows))
    assert 0.45 < first["A"] / first.total() < 0.55
    assert len({row["extra_info"]["source"].rpartition(":")[0] for row in rows}) == 5


def test_files_in_folders_are_told_apart(tmp_path):
    for number, name in enumerate(("Helpfulness/Code/a.json", "Helpfulness/Chat/a.json", "Harmlessness/S1.json")):
        write(tmp_path / "in" / name, [pair_rows.rmb_pair(10 * number + row) for row in range(10)])
    prepared = prepare_pairs("rmb_pairs", tmp_path / "in", tmp_path / "out")
    assert prepared.manifest["split"] == "by a hash of the prompt"
    assert {row["extra_info"]["source"].rpartition(":")[0] for row in all_rows(prepared)} == {
        "Helpfulness/Code/a.json",
        "Helpfulness/Chat/a.json",
        "Harmlessness/S1.json",
    }
    assert len(all_rows(prepared)) == 60
