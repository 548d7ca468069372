"""A pair becomes two rows that say the same of the answers in either order, and verl reads them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.pairwise import pairwise_messages, swapped
from rm_train.data import PrepareSettings, prepare
from rm_train.data.converters import Pair
from rm_train.data.process import shape_of
from rm_train.data.process.pairwise import SCHEMA
from tests.data.pair_rows import MAKERS, all_rows, pairs_of, prepare_pairs, seen_row, swapped_row
from tests.data.preferences import write
from tests.data.ratings import read_rows

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
scores = st.none() | st.floats(allow_nan=False)
facts = st.dictionaries(texts, st.booleans(), max_size=3)
strengths = st.none() | st.integers(-3, 3)


@st.composite
def pairs(draw):
    strength = draw(strengths)
    preference = (
        draw(st.sampled_from("AB")) if strength is None else "A" if strength < 0 else "B" if strength else "tie"
    )
    return Pair(
        [{"role": "user", "content": draw(texts)}],
        (draw(texts), draw(texts)),
        preference,
        strength,
        (draw(scores), draw(scores)),
        draw(st.none() | st.tuples(facts, facts)),
    )


def rows_of(pair, **settings):
    settings = PrepareSettings("helpsteer3", "unused", "unused", **settings)
    return shape_of(settings).rows(pair, "train", 6, "in.jsonl:4")


@given(pairs())
def test_swapping_twice_is_nothing_and_once_is_the_other_order(pair):
    assert pair.swapped().swapped() == pair
    first, second = rows_of(pair)
    assert swapped_row(first) == seen_row(second)
    assert swapped_row(second) == seen_row(first)
    again = rows_of(pair.swapped())
    assert [seen_row(row) for row in again] == [seen_row(second), seen_row(first)]
    assert [row["prompt"] for row in again] == [second["prompt"], first["prompt"]]
    for row in (first, second):
        answers = json.loads(row["extra_info"]["answers"])
        assert row["prompt"] == pairwise_messages(pair.conversation, *answers)
        assert [row["extra_info"][name] for name in ("length_a", "length_b")] == list(map(len, answers))
    assert swapped(first["reward_model"]["ground_truth"]) == second["reward_model"]["ground_truth"]


@pytest.mark.parametrize("form", PAIR_FORMS)
def test_every_form_asks_in_both_orders(form):
    pair = Pair([{"role": "user", "content": "question?"}], ("one answer", "another answer"), "B", 2)
    first, second = rows_of(pair, form=form)
    assert first["prompt"] == PAIR_FORMS[form].messages(pair.conversation, pair.answers)
    assert second["prompt"] == PAIR_FORMS[form].messages(pair.conversation, pair.answers[::-1])
    assert {row["extra_info"]["form"] for row in (first, second)} == {form}


@pytest.mark.parametrize("dataset", MAKERS)
def test_rows_are_as_verl_wants_them(tmp_path, dataset):
    path = write(tmp_path / "in.jsonl", [MAKERS[dataset](number) for number in range(40)])
    rows = all_rows(prepare_pairs(dataset, path, tmp_path / "out"))
    assert len(rows) == 80
    for first, second in pairs_of(rows):
        assert list(first) == list(second) == SCHEMA.names
        assert swapped_row(first) == seen_row(second)
        one, two = first["extra_info"], second["extra_info"]
        number = int(one["source"].removeprefix("in.jsonl:")) - 1
        assert str(number) in one["answers"]
        assert (one["order"], two["order"], two["index"] - one["index"]) == (0, 1, 1)
        assert one["pair_id"] == two["pair_id"] == f"{dataset}/in.jsonl:{number + 1}"
        assert {row["data_source"] for row in (first, second)} == {f"{dataset}/pairwise"}
        assert {row["ability"] for row in (first, second)} == {"judge"}
    assert len({row["extra_info"]["pair_id"] for row in rows}) == 40


def test_a_strength_is_seen_from_the_row(tmp_path):
    path = write(tmp_path / "in.jsonl", [MAKERS["helpsteer3"](number) for number in range(70)])
    for row in all_rows(prepare_pairs("helpsteer3", path, tmp_path / "out")):
        strength, truth = row["extra_info"]["strength"], row["reward_model"]["ground_truth"]
        assert truth == ("A" if strength < 0 else "B" if strength > 0 else "tie")
        first = row["extra_info"]["order"] == 0
        assert json.loads(row["extra_info"]["answers"])[0].startswith("first" if first else "second")


def test_verl_reads_it(tmp_path):
    rl_dataset = pytest.importorskip("verl.utils.dataset.rl_dataset")
    from omegaconf import OmegaConf
    from torch.utils.data import DataLoader

    prepared = prepare(PrepareSettings("synthetic_pairwise", tmp_path / "out", train_prompts=10, val_prompts=10))
    config = OmegaConf.create({"return_raw_chat": True, "filter_overlong_prompts": False, "cache_dir": str(tmp_path)})
    data = rl_dataset.RLHFDataset(str(prepared.validation), None, config)
    rows = read_rows(prepared.validation)
    assert len(data) == len(rows) == 20
    assert data[3]["raw_prompt"] == rows[3]["prompt"]
    assert data[3]["reward_model"] == rows[3]["reward_model"]
    assert data[3]["extra_info"] == rows[3]["extra_info"]
    assert (data[3]["data_source"], data[3]["index"]) == ("synthetic_pairwise/pairwise", 3)
    for batch in DataLoader(data, batch_size=4, collate_fn=rl_dataset.collate_fn):
        ids = [extra["pair_id"] for extra in batch["extra_info"]]
        assert ids[::2] == ids[1::2]


def test_datasets_reads_it_with_what_is_not_known(tmp_path):
    datasets = pytest.importorskip("datasets")
    path = write(tmp_path / "in.jsonl", [MAKERS["chosen_rejected"](number) for number in range(40)])
    prepared = prepare_pairs("chosen_rejected", path, tmp_path / "out")
    loaded = datasets.load_dataset("parquet", data_files=str(prepared.train), cache_dir=str(tmp_path), split="train")
    assert list(loaded) == read_rows(prepared.train)
    assert [loaded[0]["extra_info"][name] for name in ("strength", "score_a", "score_b")] == [None] * 3
