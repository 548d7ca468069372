"""The synthetic set: shape, facts, and that nothing but reading predicts its score."""

import bisect
import json
from collections import Counter, defaultdict

import pytest

from rm_train.data import PrepareSettings, prepare
from rm_train.data.synthetic import as_dict, generate_rows, read_facts
from tests.data.ratings import read_rows

DEFAULTS = PrepareSettings("synthetic", "unused")
VAL_ROWS = 2 * DEFAULTS.val_prompts


@pytest.fixture(scope="module")
def rows():
    generated = list(generate_rows(DEFAULTS.val_prompts + DEFAULTS.train_prompts, DEFAULTS.seed))
    return generated[VAL_ROWS:], generated[:VAL_ROWS]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return prepare(PrepareSettings("synthetic", tmp_path_factory.mktemp("synthetic") / "out"))


def test_sizes_and_prompts(prepared):
    counts = prepared.manifest["counts"]
    assert (counts["train"]["rows"], counts["train"]["prompts"]) == (4000, 2000)
    assert (counts["validation"]["rows"], counts["validation"]["prompts"]) == (1200, 600)
    assert prepared.manifest["dropped_overlap"]["rows"] == 0
    assert all(counts[side]["labels"][label] > 0 for side in counts for label in "01234")


def test_rows_say_that_they_are_synthetic_and_carry_their_facts(prepared, rows):
    for path, generated in zip((prepared.train, prepared.validation), rows, strict=True):
        written = read_rows(path)
        assert len(written) == len(generated)
        for row, original in zip(written, generated, strict=True):
            assert row["data_source"] == "synthetic/helpfulness"
            assert row["extra_info"]["source"].startswith("synthetic-")
            facts = json.loads(row["extra_info"]["facts"])
            assert list(facts.items()) == list(read_facts(original.prompt, original.response).items())
            assert row["reward_model"]["ground_truth"] == sum(facts.values()) == original.helpfulness


def test_facts_go_with_helpfulness_only(tmp_path):
    data = prepare(PrepareSettings("synthetic", tmp_path, attribute="coherence", train_prompts=9, val_prompts=9))
    assert {row["extra_info"]["facts"] for row in read_rows(data.train)} == {""}
    assert {row["data_source"] for row in read_rows(data.train)} == {"synthetic/coherence"}


def test_the_generator_has_helpsteer2s_shape_and_repeats_itself(rows):
    assert list(generate_rows(50, 3)) == list(generate_rows(60, 3))[:100]
    assert list(generate_rows(50, 3)) != list(generate_rows(50, 4))
    for row in map(as_dict, rows[1]):
        assert list(row)[:2] == ["prompt", "response"]
        assert set(list(row)[2:]) == {"helpfulness", "correctness", "coherence", "complexity", "verbosity"}
        assert all(type(value) is int and 0 <= value <= 4 for value in list(row.values())[2:])


def test_held_out_rows_do_not_change_with_the_training_rows(prepared, tmp_path):
    data = prepare(PrepareSettings("synthetic", tmp_path / "out", train_prompts=10))
    assert data.validation.read_bytes() == prepared.validation.read_bytes()


def test_a_reworded_generator_builds_anew(tmp_path, monkeypatch):
    settings = PrepareSettings("synthetic", tmp_path / "out", train_prompts=20, val_prompts=20)
    assert prepare(settings).rebuilt
    assert not prepare(settings).rebuilt
    monkeypatch.setattr("rm_train.data.synthetic._TOPICS", ("a new topic",))
    assert prepare(settings).rebuilt


LENGTH_AND_POSITION = {
    "answer characters": lambda place, row: len(row.response),
    "answer words": lambda place, row: len(row.response.split()),
    "answer sentences": lambda place, row: row.response.count("."),
    "prompt characters": lambda place, row: len(row.prompt),
    "prompt words": lambda place, row: len(row.prompt.split()),
    "characters of both": lambda place, row: len(row.prompt) + len(row.response),
    "place in the pair": lambda place, row: place % 2,
    "place and sentences": lambda place, row: 100 * (place % 2) + row.response.count("."),
}
FURTHER_COUNTS = {
    "different words": lambda place, row: len(set(row.response.lower().split())),
    "capital letters": lambda place, row: sum(letter.isupper() for letter in row.response),
    "words of the prompt": lambda place, row: len(set(row.response.split()) & set(row.prompt.split())),
    "characters a sentence": lambda place, row: len(row.response) // row.response.count("."),
    "kinds of things named": lambda place, row: row.complexity,
}


def _accuracy(count, train, validation):
    """The best over several bin counts of: the commonest training score among the rows of a bin."""
    values = sorted(count(place, row) for place, row in enumerate(train))
    best = 0.0
    for bins in (2, 5, 10, 25, 100):
        edges = sorted({values[len(values) * number // bins] for number in range(1, bins)})
        scores = defaultdict(Counter)
        for place, row in enumerate(train):
            scores[bisect.bisect(edges, count(place, row))][row.helpfulness] += 1
        guess = {number: counter.most_common(1)[0][0] for number, counter in scores.items()}
        right = sum(
            guess.get(bisect.bisect(edges, count(place, row))) == row.helpfulness
            for place, row in enumerate(validation)
        )
        best = max(best, right / len(validation))
    return best


def test_length_and_position_predict_no_better_than_the_majority_class(rows):
    train, validation = rows
    majority = max(Counter(row.helpfulness for row in validation).values()) / len(validation)
    found = {name: _accuracy(count, train, validation) for name, count in LENGTH_AND_POSITION.items()}
    others = {name: _accuracy(count, train, validation) for name, count in FURTHER_COUNTS.items()}
    for name, accuracy in {"majority class": majority, **found, **others}.items():
        print(f"{name:24} {accuracy:.3f}")
    assert max(found.values()) <= majority + 0.05
    # Counting what is named tells something, as it should, but far less than reading what was asked.
    assert max(others.values()) < 0.55
