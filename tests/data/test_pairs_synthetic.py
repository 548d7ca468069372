"""The synthetic pairs: shape, facts, and that neither place nor length tells which answer is better."""

import bisect
import json
from collections import Counter, defaultdict
from itertools import islice

import pytest

from reward_fn.judges.pairwise import pairwise_messages
from rm_train.data import PrepareSettings, prepare
from rm_train.data.synthetic import named_kinds, read_facts
from rm_train.data.synthetic_pairs import generate_pairs
from tests.data.pair_rows import all_rows
from tests.data.ratings import read_rows

DEFAULTS = PrepareSettings("synthetic_pairwise", "unused")


def generate(prompts, seed=DEFAULTS.seed, tie_share=DEFAULTS.tie_share):
    return list(generate_pairs(prompts, seed, tie_share))


@pytest.fixture(scope="module")
def pairs():
    return generate(6000)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return prepare(PrepareSettings("synthetic_pairwise", tmp_path_factory.mktemp("pairs") / "out"))


def counts_of(pair):
    return [sum(read_facts(pair["prompt"], pair[f"response_{place}"]).values()) for place in (1, 2)]


def longer(pair, length):
    """Return which answer is longer: -1 for the first, 1 for the second, 0 for neither."""
    first, second = length(pair["response_1"]), length(pair["response_2"])
    return (second > first) - (second < first)


def better(pair):
    return (pair["preference_strength"] > 0) - (pair["preference_strength"] < 0)


def test_the_strength_is_the_difference_of_what_is_done(pairs):
    differences = Counter()
    for pair in pairs:
        first, second = counts_of(pair)
        assert pair["preference_strength"] == max(-3, min(3, second - first))
        differences[abs(second - first)] += 1
    assert all(differences[number] > 0 for number in range(5))


def test_the_same_seed_gives_the_same_rows_and_more_prompts_add_to_them(pairs):
    assert generate(50) == pairs[:50] == list(islice(generate_pairs(60, 0, 0.125), 50))
    assert generate(50, seed=1) != pairs[:50]
    assert len({pair["prompt"] for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("share", [0.0, 0.125, 0.5])
def test_the_share_of_ties_is_kept_about(share):
    rows = generate(4000, tie_share=share)
    assert abs(sum(pair["preference_strength"] == 0 for pair in rows) / len(rows) - share) < 0.02


def test_every_case_of_place_and_length_is_as_common_as_the_others(pairs):
    for start, stop in ((0, 600), (600, 2600), (0, 6000)):
        cases = Counter((better(pair), longer(pair, len)) for pair in pairs[start:stop] if better(pair))
        assert set(cases) == {(-1, -1), (-1, 1), (1, -1), (1, 1)}
        assert max(cases.values()) - min(cases.values()) <= 2, "only an unfinished group of four may differ"
    ties = Counter(longer(pair, len) for pair in pairs if not better(pair))
    assert set(ties) == {-1, 1}, "a length that is the same would tell a tie"
    assert 0.4 < ties[1] / ties.total() < 0.6


def test_equal_numbers_of_sentences_tell_nothing(pairs):
    unequal = [pair for pair in pairs if longer(pair, sentences)]
    assert 0.4 < len(unequal) / len(pairs) < 0.6
    decided = [longer(pair, sentences) == better(pair) for pair in unequal if better(pair)]
    assert 0.47 < sum(decided) / len(decided) < 0.53
    ties = [sum(not better(pair) for pair in some) / len(some)
            for some in (unequal, [pair for pair in pairs if not longer(pair, sentences)])]  # fmt: skip
    assert abs(ties[0] - ties[1]) < 0.03


def sentences(text):
    return text.count(".")


def words(text):
    return len(text.split())


def _difference(count):
    return lambda row: count(row["answers"][1]) - count(row["answers"][0])


LENGTH_AND_PLACE = {
    "characters": _difference(len),
    "words": _difference(words),
    "sentences": _difference(sentences),
    "different words": _difference(lambda text: len(set(text.lower().split()))),
    "characters of A": lambda row: len(row["answers"][0]),
    "characters of B": lambda row: len(row["answers"][1]),
    "characters of both": lambda row: sum(map(len, row["answers"])),
    "characters of the prompt": lambda row: len(row["prompt"]),
    "place in the source": lambda row: row["order"],
}
FURTHER_COUNTS = {
    "things named": _difference(lambda text: len(named_kinds(text))),
    "kinds of things named": _difference(lambda text: len(set(named_kinds(text)))),
}


def _accuracy(count, train, validation):
    """The best over several bin counts of: the commonest preference in training among the rows of a bin."""
    values = sorted(count(row) for row in train)
    best = 0.0
    for bins in (2, 5, 10, 25):
        edges = sorted({values[len(values) * number // bins] for number in range(1, bins)})
        found = defaultdict(Counter)
        for row in train:
            found[bisect.bisect(edges, count(row))][row["truth"]] += 1
        guess = {number: counter.most_common(1)[0][0] for number, counter in found.items()}
        right = sum(guess.get(bisect.bisect(edges, count(row))) == row["truth"] for row in validation)
        best = max(best, right / len(validation))
    return best


def _seen(path):
    return [
        {
            "prompt": json.loads(row["extra_info"]["conversation"])[0]["content"],
            "answers": json.loads(row["extra_info"]["answers"]),
            "order": row["extra_info"]["order"],
            "truth": row["reward_model"]["ground_truth"],
        }
        for row in read_rows(path)
    ]


def test_length_and_place_predict_no_better_than_the_majority_class(prepared):
    train, validation = _seen(prepared.train), _seen(prepared.validation)
    majority = max(Counter(row["truth"] for row in validation).values()) / len(validation)
    found = {name: _accuracy(count, train, validation) for name, count in LENGTH_AND_PLACE.items()}
    others = {name: _accuracy(count, train, validation) for name, count in FURTHER_COUNTS.items()}
    for name, accuracy in {"majority class": majority, **found, **others}.items():
        print(f"{name:24} {accuracy:.3f}")
    assert max(found.values()) <= majority + 0.05
    # Counting what is named tells the pairs that are far apart, and no others: see `synthetic_pairs`.
    assert max(others.values()) < 0.65


def test_rows_say_that_they_are_synthetic_and_carry_scores_and_facts(prepared):
    counts = prepared.manifest["counts"]
    assert (counts["train"]["rows"], counts["train"]["prompts"]) == (4000, 2000)
    assert (counts["validation"]["rows"], counts["validation"]["prompts"]) == (1200, 600)
    assert prepared.manifest["dropped_overlap"]["rows"] == 0
    for row in all_rows(prepared):
        extra = row["extra_info"]
        assert row["data_source"] == "synthetic_pairwise/pairwise"
        assert extra["source"].startswith("synthetic-pairs-")
        facts = json.loads(extra["facts"])
        asked = json.loads(extra["conversation"])[0]["content"]
        for name, answer in zip("AB", json.loads(extra["answers"]), strict=True):
            assert list(facts[name].items()) == list(read_facts(asked, answer).items())
            assert extra[f"score_{name.lower()}"] == sum(facts[name].values())


def test_prompts_are_short():
    architecture = pytest.importorskip("rm_train.models.tiny.architecture")
    asked = [
        pairwise_messages([{"role": "user", "content": pair["prompt"]}], pair["response_1"], pair["response_2"])
        for pair in generate(300)
    ]
    tokenizer = architecture.build_tokenizer(f"{messages[0]['role']} {messages[0]['content']}" for messages in asked)
    lengths = [len(ids) for ids in tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]]
    print(f"tokens a prompt: {min(lengths)} to {max(lengths)}")
    assert max(lengths) <= 180


def test_held_out_pairs_do_not_change_with_the_training_pairs(prepared, tmp_path):
    data = prepare(PrepareSettings("synthetic_pairwise", tmp_path / "out", train_prompts=10))
    assert data.validation.read_bytes() == prepared.validation.read_bytes()


def test_another_share_of_ties_or_a_reworded_generator_builds_anew(tmp_path, monkeypatch):
    small = {"train_prompts": 20, "val_prompts": 20}
    settings = PrepareSettings("synthetic_pairwise", tmp_path / "out", **small)
    assert prepare(settings).rebuilt
    assert not prepare(settings).rebuilt
    assert prepare(PrepareSettings("synthetic_pairwise", tmp_path / "out", tie_share=0.3, **small)).rebuilt
    monkeypatch.setattr("rm_train.data.synthetic._TOPICS", ("a new topic",))
    assert prepare(settings).rebuilt
