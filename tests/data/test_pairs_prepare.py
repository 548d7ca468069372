"""Pairs through the whole of `prepare`: sides, limits, shuffled targets, what is made again, and the command."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner

from rm_train.cli import main
from rm_train.data import BadRowError, PrepareError, PrepareSettings, SourceError, prepare
from rm_train.data.sources import hub
from rm_train.data.split import prompt_key
from tests.data import pair_rows
from tests.data.pair_rows import MAKERS, all_rows, pairs_of, prepare_pairs, seen_row, swapped_row
from tests.data.preferences import write
from tests.data.ratings import listing, make_row, read_rows, write_jsonl


def rows_for(dataset, count, start=0):
    return [MAKERS[dataset](number) for number in range(start, start + count)]


def prompt_keys(path):
    return {prompt_key(json.loads(row["extra_info"]["conversation"])) for row in read_rows(path)}


@pytest.mark.parametrize("dataset", MAKERS)
def test_pairs_and_prompts_keep_together(tmp_path, dataset):
    pairs = [MAKERS[dataset](number) for number in range(60)]
    if dataset != "helpsteer2_preference":
        pairs += [{**pair, "chosen": {"answer": "other"}} if dataset == "rmb_pairs" else pair for pair in pairs]
    prepared = prepare_pairs(dataset, write(tmp_path / "in.jsonl", pairs), tmp_path / "out")
    assert not prompt_keys(prepared.train) & prompt_keys(prepared.validation)
    counts = prepared.manifest["counts"]
    assert counts["train"]["prompts"] + counts["validation"]["prompts"] == 60
    assert counts["train"]["rows"] + counts["validation"]["rows"] == 2 * len(pairs)
    for path in (prepared.train, prepared.validation):
        rows = read_rows(path)
        assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))
        assert all(one["extra_info"]["pair_id"] == two["extra_info"]["pair_id"] for one, two in pairs_of(rows))
    labels = Counter(row["reward_model"]["ground_truth"] for row in read_rows(prepared.train))
    assert counts["train"]["labels"] == {name: labels[name] for name in ("A", "B", "tie")}
    assert labels["A"] == labels["B"]


def test_each_row_of_helpsteer2_says_its_side_and_validation_wins(tmp_path):
    rows = rows_for("helpsteer2_preference", 40)
    shared = pair_rows.helpsteer2_preference(7, prompt="question 30?", split="train")
    path = write(tmp_path / "in" / "preference.jsonl", [shared, *rows])
    prepared = prepare_pairs("helpsteer2_preference", tmp_path / "in", tmp_path / "out")
    manifest = prepared.manifest
    assert manifest["split"] == "from the source"
    assert (manifest["counts"]["train"]["rows"], manifest["counts"]["validation"]["rows"]) == (64, 16)
    assert (manifest["dropped_overlap"]["rows"], manifest["dropped_overlap"]["prompts"]) == (2, 1)
    assert [(source["name"], source["side"]) for source in manifest["sources"]] == [
        ("preference.jsonl", "validation"),
        ("preference.jsonl", "train"),
    ]
    for side, file in (("train", prepared.train), ("validation", prepared.validation)):
        for row in read_rows(file):
            line = int(row["extra_info"]["source"].removeprefix("preference.jsonl:"))
            assert rows[line - 2]["split"] == ("val" if side == "validation" else "train")
    assert not prepare_pairs("helpsteer2_preference", path, tmp_path / "out").rebuilt


@pytest.mark.parametrize(
    ("bad", "field"), [(b"{", ""), ({"split": 3}, "split"), ({"split": "test"}, "split"), ({"prompt": "a"}, "split")]
)
def test_a_row_without_a_side_is_told_once(tmp_path, bad, field):
    path = write_jsonl(tmp_path / "in.jsonl", [*rows_for("helpsteer2_preference", 20), bad])
    with pytest.raises(BadRowError, match="line 21") as caught:
        prepare_pairs("helpsteer2_preference", path, tmp_path / "out")
    assert caught.value.field == field
    prepared = prepare_pairs("helpsteer2_preference", path, tmp_path / "out", on_bad_row="skip")
    assert prepared.manifest["bad_rows"]["count"] == 1


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.parquet", "x.jsonl.gz"])
def test_every_kind_of_file_gives_the_same(tmp_path, name):
    rows = rows_for("helpsteer3", 30)
    for side, some in (("train", rows[:20]), ("validation", rows[20:])):
        write_rows = write_jsonl if name.endswith(".gz") else write
        write_rows(tmp_path / "in" / name.replace("x", side), some)
        write(tmp_path / "expected" / f"{side}.jsonl", some)
    prepared = prepare_pairs("helpsteer3", tmp_path / "in", tmp_path / "out")
    expected = prepare_pairs("helpsteer3", tmp_path / "expected", tmp_path / "out2")
    assert prepared.manifest["split"] == "from the source"
    assert list(map(seen_row, all_rows(prepared))) == list(map(seen_row, all_rows(expected)))


@pytest.mark.parametrize(("limits", "kept"), [((20, 6), (20, 6)), ((21, 7), (20, 6)), ((2, 3), (2, 2))])
def test_limits_never_cut_a_pair(tmp_path, limits, kept):
    path = write(tmp_path / "in.jsonl", rows_for("chosen_rejected", 100))
    everything = prepare_pairs("chosen_rejected", path, tmp_path / "all")
    some = prepare_pairs("chosen_rejected", path, tmp_path / "out", max_train_rows=limits[0], max_val_rows=limits[1])
    assert read_rows(some.train) == read_rows(everything.train)[: kept[0]]
    assert read_rows(some.validation) == read_rows(everything.validation)[: kept[1]]


def _known(row):
    seen = seen_row(row)
    return seen["truth"], seen["strength"], seen["scores"]


def test_shuffled_targets_move_over_pairs_and_fit_both_orders(tmp_path):
    settings = {"train_prompts": 600, "val_prompts": 20}

    def run(name, **changes):
        return prepare(PrepareSettings("synthetic_pairwise", tmp_path / name, **settings, **changes))

    plain, shuffled = run("plain"), run("shuffled", shuffle_targets=True)
    assert run("again", shuffle_targets=True).train.read_bytes() == shuffled.train.read_bytes()
    before, after = read_rows(plain.train), read_rows(shuffled.train)
    assert Counter(map(_known, before)) == Counter(map(_known, after))
    same = sum(_known(old) == _known(new) for old, new in zip(before, after, strict=True))
    assert same / len(before) < 0.3
    for first, second in pairs_of(after):
        told = swapped_row(first)
        assert (told["truth"], told["strength"], told["scores"]) == _known(second)
    for old, new in zip(before, after, strict=True):
        for row in (old, new):
            row["reward_model"] = None
            row["extra_info"] |= dict.fromkeys(("strength", "score_a", "score_b"))
        assert old == new
    assert shuffled.validation.read_bytes() == plain.validation.read_bytes()
    assert shuffled.manifest["counts"] == plain.manifest["counts"]
    assert listing(tmp_path / "shuffled") == ["manifest.json", "train.parquet", "validation.parquet"]


def test_unknown_strengths_stay_unknown_when_targets_are_shuffled(tmp_path):
    path = write(tmp_path / "in.jsonl", rows_for("chosen_rejected", 300))
    prepared = prepare_pairs("chosen_rejected", path, tmp_path / "out", shuffle_targets=True)
    rows = read_rows(prepared.train)
    assert {(row["extra_info"]["strength"], row["extra_info"]["score_a"]) for row in rows} == {(None, None)}
    better = [
        json.loads(row["extra_info"]["answers"])["AB".index(row["reward_model"]["ground_truth"])][:4] for row in rows
    ]
    assert 0.35 < better.count("good") / len(better) < 0.65


def test_ties_can_be_left_out(tmp_path):
    path = write(tmp_path / "in.jsonl", rows_for("helpsteer3", 70))
    prepared = prepare_pairs("helpsteer3", path, tmp_path / "out", drop_ties=True)
    assert len(all_rows(prepared)) == 2 * 60
    assert prepared.manifest["dropped_ties"] == 10
    assert {row["reward_model"]["ground_truth"] for row in all_rows(prepared)} == {"A", "B"}
    assert "dropped_ties" not in prepare_pairs("helpsteer3", path, tmp_path / "out").manifest


def test_the_same_again_does_nothing_and_anything_else_builds_anew(tmp_path, monkeypatch):
    path = write(tmp_path / "in.jsonl", rows_for("helpsteer2_preference", 40))

    def run(**settings):
        return prepare_pairs("helpsteer2_preference", path, tmp_path / "out", **settings)

    first = run()
    with monkeypatch.context() as patch:
        patch.setattr("rm_train.data.sources.file.sha256_file", lambda file: pytest.fail("hashed again"))
        again = run()
    assert (first.rebuilt, again.rebuilt) == (True, False)
    assert again.manifest == first.manifest
    assert run(form="letter").rebuilt
    assert run(drop_ties=True).rebuilt
    assert run(max_train_rows=10).rebuilt
    assert run().rebuilt
    write(path, rows_for("helpsteer2_preference", 41))
    assert run().rebuilt
    assert not run().rebuilt
    with monkeypatch.context() as patch:
        patch.setattr("rm_train.data.process.pairwise.PairwiseShape.version", -1)
        assert run().rebuilt


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_train_rows": 1}, "max_train_rows=1: a pair is 2 rows"),
        ({"max_val_rows": 1}, "max_val_rows=1: a pair is 2 rows"),
        ({"tie_share": 1.0}, r"tie_share=1.0: write a share from 0 to below 1"),
        ({"tie_share": float("nan")}, "tie_share=nan"),
        ({"form": "pointwise"}, "form=pointwise: choose one of pairwise, "),
        ({"fields": {"chosen": "better"}}, "fields: dataset=helpsteer3 has fixed names; leave it out"),
        (
            {"dataset": "chosen_rejected", "fields": {"choosen": "a"}},
            "fields, key=choosen: choose one of prompt, chosen",
        ),
        ({"attribute": "verbosity"}, "attribute=verbosity: dataset=helpsteer3 knows none; leave it out"),
        ({"dataset": "helpsteer2", "form": "letter"}, "form=letter: dataset=helpsteer2 knows none"),
        ({"dataset": "helpsteer2", "drop_ties": True}, "drop_ties=True: dataset=helpsteer2 knows none"),
        ({"dataset": "synthetic_pairwise"}, "dataset=synthetic_pairwise is generated: leave path out"),
        ({"path": None}, "dataset=helpsteer3 needs a path"),
    ],
)
def test_settings_that_cannot_be(tmp_path, changes, message):
    settings = {"dataset": "helpsteer3", "path": tmp_path / "in.jsonl", "out_dir": tmp_path / "out", **changes}
    with pytest.raises(PrepareError, match=message):
        prepare(PrepareSettings(**settings))


def test_fingerprints_of_ratings_do_not_know_pairs(tmp_path):
    path = write_jsonl(tmp_path / "in.jsonl", [make_row(f"question {number}?") for number in range(40)])
    settings = prepare(PrepareSettings("helpsteer2", tmp_path / "out", path, val_fraction=0.3)).manifest["settings"]
    assert not {"form", "fields", "drop_ties", "tie_share"} & set(settings)


def test_ratings_are_not_read_from_files_that_only_pairs_have(tmp_path):
    path = write(tmp_path / "in.json", [make_row()])
    with pytest.raises(SourceError, match=r"in\.json: should end in \.jsonl or \.jsonl\.gz"):
        prepare(PrepareSettings("helpsteer2", tmp_path / "out", path))


class FakeHub:
    """Streams local files in the hub's place, and notes what was asked of it."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []

    def dataset_info(self, name, revision=None):
        return type("Info", (), {"sha": "a" * 40})()

    def names(self, name, config, revision, data_dir=None):
        self.asked.append((config, data_dir))
        return sorted(path.stem for path in self.folder.iterdir())

    def load(self, name, config, split, revision, streaming, data_dir=None):
        self.asked.append((config, data_dir, split))
        return [json.loads(line) for line in (self.folder / f"{split}.jsonl").open(encoding="utf-8")]


@pytest.mark.parametrize(
    ("dataset", "place", "splits"),
    [
        ("helpsteer2_preference", (None, "preference"), ["train"]),
        ("helpsteer3", ("preference", None), ["train", "validation"]),
        ("chosen_rejected", (None, None), ["train"]),
    ],
)
def test_each_set_is_found_at_its_place_on_the_hub(tmp_path, monkeypatch, dataset, place, splits):
    datasets = pytest.importorskip("datasets")
    hub_api = pytest.importorskip("huggingface_hub")
    for number, split in enumerate(splits):
        write(tmp_path / "hub" / f"{split}.jsonl", rows_for(dataset, 40, 40 * number))
    fake = FakeHub(tmp_path / "hub")
    monkeypatch.setattr(hub_api, "HfApi", lambda: fake)
    monkeypatch.setattr(datasets, "load_dataset", fake.load)
    monkeypatch.setattr(datasets, "get_dataset_split_names", fake.names)
    assert hub.is_hub_name("owner/pairs")
    prepared = prepare_pairs(dataset, "owner/pairs", tmp_path / "out")
    assert {asked[:2] for asked in fake.asked} == {place}
    assert len(all_rows(prepared)) == 80 * len(splits)
    name = "/".join(filter(None, ("owner/pairs", *place, "train")))
    assert read_rows(prepared.train)[0]["extra_info"]["source"].rpartition(":")[0] == name
    assert not prepare_pairs(dataset, "owner/pairs", tmp_path / "out").rebuilt


def command(*arguments):
    return CliRunner().invoke(main, ["prepare", *map(str, arguments)])


def test_the_command_prepares_pairs(tmp_path):
    rows = [{"q": f"question {number}?", "better": "yes", "worse": f"no {number}"} for number in range(40)]
    path = write(tmp_path / "in.jsonl", rows)
    names = [word for text in ("prompt=q", "chosen=better", "rejected=worse") for word in ("--field", text)]
    done = command(path, tmp_path / "out", "--dataset", "chosen_rejected", *names, "--val-fraction", 0.3)
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["settings"]["fields"] == {"prompt": "q", "chosen": "better", "rejected": "worse"}
    assert sum(side["rows"] for side in manifest["counts"].values()) == 80


def test_the_command_says_what_it_leaves_out(tmp_path):
    path = write(tmp_path / "in.jsonl", rows_for("helpsteer3", 70))
    done = command(path, tmp_path / "out", "--dataset", "helpsteer3", "--drop-ties", "--form", "letter")
    assert done.exit_code == 0, done.output
    assert "left out: 10 ties" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synthetic_pairwise", "out", "--dataset", "helpsteer3"], "leave the option out"),
        (["in.jsonl", "out", "--dataset", "chosen_rejected", "--field", "chosen"], "write NAME=FIELD"),
        (["in.jsonl", "out", "--dataset", "helpsteer4"], "dataset=helpsteer4: choose one of synthetic"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(arguments, message):
    done = command(*arguments)
    assert done.exit_code == 1
    assert message in done.output
