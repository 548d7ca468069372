import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_train.data import PrepareError, SourceError
from rm_train.data.sources.base import choose_sides
from rm_train.data.split import prompt_key, side_of
from tests.data.ratings import make_row, make_rows, read_rows, write_jsonl

prompts = st.text(min_size=1)
fractions = st.floats(0.01, 0.99)


def _key(text):
    return prompt_key([{"role": "user", "content": text.encode("utf-8", "replace").decode()}])


@given(prompts, fractions, st.sampled_from([" ", "\n", "\t ", ""]))
def test_white_space_and_unicode_form_do_not_move_a_prompt(text, fraction, space):
    variant = unicodedata.normalize("NFD", f"{space}{text}{space}\n").replace(" ", " " + space)
    assert side_of(_key(text), fraction) == side_of(_key(variant), fraction)


def test_known_variants_share_a_key_and_other_prompts_do_not():
    assert _key("Caf\u00e9  au lait?") == _key(" CAFE\u0301 au\nlait? ")
    assert _key("Name a city.") != _key("Name a day.")
    alone = [{"role": "user", "content": "a b"}]
    apart = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    assert len({prompt_key(alone), prompt_key(apart), prompt_key(apart[::-1])}) == 3


@given(st.lists(prompts, max_size=30), fractions, st.floats(0.0, 0.9))
def test_a_held_out_prompt_stays_held_out_when_the_share_grows(texts, fraction, more):
    larger = fraction + (1 - fraction) * more
    for text in texts:
        if side_of(_key(text), fraction) == "validation":
            assert side_of(_key(text), larger) == "validation"


def test_the_share_is_kept_about():
    sides = [side_of(_key(f"question {number}"), 0.05) for number in range(20_000)]
    assert 0.045 < sides.count("validation") / len(sides) < 0.055


def _sides(prepared):
    """Prompt -> side, read from the judging prompts that were written."""
    return {
        row["prompt"][0]["content"].partition("User: ")[2].partition("\n")[0]: side
        for side, path in (("train", prepared.train), ("validation", prepared.validation))
        for row in read_rows(path)
    }


def test_rows_of_one_prompt_stay_together_and_new_rows_move_none(tmp_path, run):
    rows = [row for number in range(60) for row in make_rows(1, f"group {number % 30} question")]
    before = run(write_jsonl(tmp_path / "a.jsonl", rows), seed=1)
    sides = {
        path: {row["prompt"][0]["content"] for row in read_rows(path)} for path in (before.train, before.validation)
    }
    assert not sides[before.train] & sides[before.validation]
    counts = before.manifest["counts"]
    assert counts["train"]["prompts"] + counts["validation"]["prompts"] == 30
    assert counts["train"]["rows"] + counts["validation"]["rows"] == 120
    first = _sides(before)

    after = run(write_jsonl(tmp_path / "b.jsonl", [*make_rows(40, "new"), *rows]), seed=2)
    second = _sides(after)
    assert {prompt: second[prompt] for prompt in first} == first
    assert before.manifest["split"] == "by a hash of the prompt"


@pytest.mark.parametrize("held_out", ["validation.jsonl", "val.jsonl.gz", "my-valid.jsonl", "dev.jsonl", "test.jsonl"])
@pytest.mark.parametrize("train", ["train.jsonl.gz", "helpsteer2_train.jsonl"])
def test_a_folder_keeps_its_own_split(tmp_path, run, train, held_out):
    write_jsonl(tmp_path / "in" / train, make_rows(6))
    write_jsonl(tmp_path / "in" / held_out, make_rows(3, "held out"))
    (tmp_path / "in" / "README.md").touch()
    (tmp_path / "in" / "preference").mkdir()
    prepared = run(tmp_path / "in")
    assert prepared.manifest["split"] == "from the source"
    assert [row["extra_info"]["source"] for row in read_rows(prepared.train)] == [f"{train}:{n}" for n in range(1, 13)]
    assert {row["extra_info"]["source"].split(":")[0] for row in read_rows(prepared.validation)} == {held_out}


def test_training_rows_with_a_held_out_prompt_are_dropped_and_counted(tmp_path, run):
    shared = [make_row("Held out  0?", "one more answer"), *make_rows(2, "held out")]
    write_jsonl(tmp_path / "in" / "train.jsonl", [*make_rows(4), *shared])
    write_jsonl(tmp_path / "in" / "validation.jsonl", make_rows(3, "held out"))
    prepared = run(tmp_path / "in")
    assert prepared.manifest["dropped_overlap"]["rows"] == 5
    assert prepared.manifest["dropped_overlap"]["prompts"] == 2
    assert [row["extra_info"]["index"] for row in read_rows(prepared.train)] == list(range(8))
    assert prepared.manifest["counts"]["validation"]["rows"] == 6


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["train.jsonl", "val.jsonl"], ("train.jsonl", "val.jsonl")),
        (["train.jsonl", "test.jsonl", "validation.jsonl"], ("train.jsonl", "validation.jsonl")),
        (["train.jsonl", "other.jsonl"], ("train.jsonl", None)),
        (["ratings.jsonl.gz"], ("ratings.jsonl.gz", None)),
    ],
)
def test_names_say_which_part_is_which(names, chosen):
    assert choose_sides(names, "here") == chosen


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.jsonl", "train.jsonl.gz"], "train.jsonl and train.jsonl.gz could each be the train part"),
        (["train.jsonl", "val.jsonl", "validation.jsonl"], "could each be the validation part"),
        (["train_val.jsonl"], "named for both"),
        (["a.jsonl", "b.jsonl"], "no training part among: a.jsonl, b.jsonl"),
        ([], "nothing to read"),
    ],
)
def test_ambiguous_names_are_refused(names, message):
    with pytest.raises(SourceError, match=message):
        choose_sides(names, "here")


def test_a_side_without_rows_is_an_error(tmp_path, run):
    path = write_jsonl(tmp_path / "in.jsonl", make_rows(3))
    with pytest.raises(PrepareError, match=r"6 training rows and 0 validation rows.*another val_fraction"):
        run(path, val_fraction=1e-9)


def test_limits_keep_the_first_rows(tmp_path, run):
    path = write_jsonl(tmp_path / "in.jsonl", [*make_rows(100), b"not read"])
    everything = run(path, on_bad_row="skip")
    some = run(path, out_dir=tmp_path / "some", max_train_rows=20, max_val_rows=7)
    assert read_rows(some.train) == read_rows(everything.train)[:20]
    assert read_rows(some.validation) == read_rows(everything.validation)[:7]
