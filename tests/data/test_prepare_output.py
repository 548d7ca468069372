import gzip
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from rm_train import files
from rm_train.data import PrepareError, PrepareSettings, SourceError, pipeline, prepare
from rm_train.data.process.pointwise import SCHEMA
from tests.data.ratings import listing, make_rows, read_rows, write_jsonl

OUTPUTS = ["manifest.json", "train.parquet", "validation.parquet"]


@pytest.fixture
def path(tmp_path):
    return write_jsonl(tmp_path / "in.jsonl", make_rows(40))


def _targets(file):
    return [row["reward_model"]["ground_truth"] for row in read_rows(file)]


def test_rows_are_as_verl_wants_them(path, run):
    prepared = run(path)
    row = read_rows(prepared.train)[0]
    number = int(row["extra_info"]["source"].removeprefix("in.jsonl:"))
    original = make_rows(40)[number - 1]
    assert list(row) == SCHEMA.names
    assert row["data_source"] == "helpsteer2/helpfulness"
    assert row["ability"] == "judge"
    assert row["reward_model"] == {"style": "rule", "ground_truth": original["helpfulness"]}
    assert row["extra_info"] == {
        "index": 0,
        "split": "train",
        "source": f"in.jsonl:{number}",
        "attribute": "helpfulness",
        "facts": "",
    }
    (message,) = row["prompt"]
    assert message["role"] == "user"
    assert original["prompt"] in message["content"]
    assert original["response"] in message["content"]


def test_the_manifest_agrees_with_the_files(path, run, tmp_path):
    prepared = run(path)
    assert listing(tmp_path / "out") == OUTPUTS
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest == prepared.manifest
    assert manifest["sources"][0]["sha256"] == files.sha256_file(path)
    assert manifest["sources"][0]["bytes"] == path.stat().st_size
    for side, file in (("train", prepared.train), ("validation", prepared.validation)):
        counts, targets = manifest["counts"][side], Counter(_targets(file))
        assert counts["labels"] == {str(score): targets[score] for score in range(5)}
        assert counts["rows"] == targets.total()
        assert counts["majority_accuracy"] == max(targets.values()) / targets.total()
        assert manifest["outputs"][file.name]["sha256"] == files.sha256_file(file)


def test_plain_compressed_and_renamed_files_give_the_same_rows(path, run, tmp_path):
    plain = run(path)
    packed = write_jsonl(tmp_path / "z" / "in.jsonl.gz", make_rows(40))
    unpacked = write_jsonl(tmp_path / "y" / "in.jsonl.gz", make_rows(40))
    unpacked.write_bytes(gzip.decompress(packed.read_bytes()))
    members = tmp_path / "x" / "in.jsonl.gz"
    members.parent.mkdir()
    text = path.read_bytes()
    members.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text[:3000]) + gzip.compress(text[3000:] + b"\n  \n"))
    for number, other in enumerate((packed, unpacked, members)):
        prepared = run(other, out_dir=tmp_path / f"out{number}")
        for name in ("train", "validation"):
            rows = read_rows(getattr(prepared, name))
            for row in rows:
                row["extra_info"]["source"] = row["extra_info"]["source"].replace(".gz", "")
            assert rows == read_rows(getattr(plain, name))


@pytest.mark.parametrize("damage", ["cut", "bits", "tail"])
def test_a_damaged_compressed_file_is_an_error_whatever_bad_rows_do(run, tmp_path, damage):
    path = write_jsonl(tmp_path / "in.jsonl.gz", make_rows(200))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "bits":
        data[len(data) // 2] ^= 255
    else:
        data += b"rubbish"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"in\.jsonl\.gz: the compressed file is cut off or damaged after line"):
        run(path, on_bad_row="skip")
    assert listing(tmp_path) == ["in.jsonl.gz"]


@pytest.mark.parametrize("name", ["missing.jsonl", "some/where/missing", "in.csv", "empty folder"])
def test_nothing_to_read_is_said(run, tmp_path, name):
    (tmp_path / "in.csv").touch()
    (tmp_path / "empty folder").mkdir()
    with pytest.raises(SourceError, match=name):
        run(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "helpsteer"}, "dataset=helpsteer: choose one of synthetic, helpsteer2"),
        ({"attribute": "quality"}, "attribute=quality: choose one of helpfulness"),
        ({"on_bad_row": "ignore"}, "on_bad_row=ignore: choose one of stop, skip"),
        ({"val_fraction": 0.0}, "val_fraction=0.0"),
        ({"val_fraction": float("nan")}, "val_fraction=nan"),
        ({"max_train_rows": 0}, "max_train_rows=0"),
        ({"dataset": "synthetic"}, "leave path out"),
        ({"path": None}, "needs a path"),
    ],
)
def test_settings_that_cannot_be(path, tmp_path, changes, message):
    settings = {"dataset": "helpsteer2", "path": path, "out_dir": tmp_path / "out", **changes}
    with pytest.raises(PrepareError, match=message):
        prepare(PrepareSettings(**settings))


def stamps_of(folder):
    """Return what changes when a file is written, but not when it is read."""
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in folder.iterdir()}


def test_the_same_again_does_nothing_and_anything_else_builds_anew(path, run, tmp_path, monkeypatch):
    first = run(path)
    stamps = stamps_of(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("rm_train.data.sources.file.sha256_file", lambda file: pytest.fail("hashed again"))
        again = run(path)
    assert (first.rebuilt, again.rebuilt) == (True, False)
    assert again.manifest == first.manifest
    assert stamps_of(tmp_path / "out") == stamps

    os.utime(path, (1, 1))
    assert not run(path).rebuilt, "a new time stamp on the same content is no change"
    moved = write_jsonl(tmp_path / "elsewhere" / "in.jsonl", make_rows(40))
    assert not run(moved).rebuilt, "the same content elsewhere is no change"
    assert run(path, attribute="coherence").rebuilt
    assert run(path).rebuilt
    assert run(write_jsonl(path, make_rows(41))).rebuilt
    assert not run(path).rebuilt


@pytest.mark.parametrize("damage", ["removed", "cut", "changed", "manifest"])
def test_damaged_output_is_made_again(path, run, damage):
    first = run(path)
    content = first.train.read_bytes()
    if damage == "removed":
        first.train.unlink()
    elif damage == "cut":
        first.train.write_bytes(content[:-1])
    elif damage == "changed":
        first.train.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
    else:
        first.train.with_name("manifest.json").write_text("{")
    assert run(path).rebuilt
    assert first.train.read_bytes() == content


def test_a_changed_prompt_or_schema_builds_anew(path, run, monkeypatch):
    run(path)
    with monkeypatch.context() as patch:
        patch.setattr("rm_train.data.process.pointwise.PointwiseShape.version", -1)
        assert run(path).rebuilt
    patched = monkeypatch.setattr
    patched(
        "rm_train.data.process.pointwise.pointwise_messages", lambda *_: [{"role": "user", "content": "new wording"}]
    )
    assert run(path).rebuilt


def test_a_folder_with_other_things_is_left_alone(path, run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(PrepareError, match=r"also holds thesis\.tex"):
        run(path)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


def test_an_error_between_build_and_rename_leaves_the_old_output(path, run, tmp_path, monkeypatch):
    before = run(path)
    old = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    def crash(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(files, "_put_in_place", crash)
    with pytest.raises(OSError, match="the disk is gone"):
        run(path, attribute="verbosity")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == old
    assert listing(tmp_path) == ["in.jsonl", "out"]
    monkeypatch.undo()
    assert not run(path).rebuilt
    assert before.rebuilt


KILLED = """
import os, sys
from rm_train import files
from rm_train.data import PrepareSettings, prepare
files._put_in_place = lambda new, target: os._exit(9)
prepare(PrepareSettings("helpsteer2", sys.argv[2], sys.argv[1], attribute=sys.argv[3], val_fraction=0.3))
"""


def test_a_kill_between_build_and_rename_leaves_the_old_output_or_none(path, run, tmp_path):
    command = [sys.executable, "-c", KILLED, path, tmp_path / "out", "verbosity"]
    assert subprocess.run(command, check=False).returncode == 9
    assert not (tmp_path / "out").exists()
    run(path)
    old = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert subprocess.run(command, check=False).returncode == 9
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == old
    assert run(path, attribute="verbosity").rebuilt


def test_input_that_changes_while_it_is_read_is_an_error(path, run, monkeypatch):
    build = pipeline.build

    def build_and_change(*arguments):
        counts = build(*arguments)
        write_jsonl(path, make_rows(41))
        return counts

    monkeypatch.setattr(pipeline, "build", build_and_change)
    with pytest.raises(SourceError, match="changed while it was read"):
        run(path)


def test_shuffled_targets_keep_their_counts_and_leave_validation_alone(run, tmp_path):
    rows = make_rows(1500)
    path = write_jsonl(tmp_path / "in.jsonl", rows)
    plain = run(path)
    shuffled = run(path, out_dir=tmp_path / "shuffled", shuffle_targets=True, seed=5)
    again = run(path, out_dir=tmp_path / "again", shuffle_targets=True, seed=5)
    other = run(path, out_dir=tmp_path / "other", shuffle_targets=True, seed=6)
    assert _targets(shuffled.train) == _targets(again.train) != _targets(other.train)
    assert Counter(_targets(shuffled.train)) == Counter(_targets(plain.train))
    pairs = list(zip(_targets(plain.train), _targets(shuffled.train), strict=True))
    assert sum(old == new for old, new in pairs) / len(pairs) < 0.3
    assert shuffled.validation.read_bytes() == plain.validation.read_bytes()
    strip = [{**row, "reward_model": row["reward_model"]["style"]} for row in read_rows(plain.train)]
    assert [{**row, "reward_model": row["reward_model"]["style"]} for row in read_rows(shuffled.train)] == strip
    assert listing(tmp_path / "shuffled") == OUTPUTS
    assert shuffled.manifest["settings"]["shuffle_targets"] is True


def test_the_same_input_gives_the_same_bytes(path, run, tmp_path):
    first, second = run(path), run(path, out_dir=tmp_path / "second")
    assert first.train.read_bytes() == second.train.read_bytes()
    assert first.manifest["fingerprint"] == second.manifest["fingerprint"]


def test_the_bar_is_shown_on_request_only(run, tmp_path, capsys):
    run(write_jsonl(tmp_path / "in.jsonl.gz", make_rows(40)))
    assert capsys.readouterr() == ("", "")
    prepare(PrepareSettings("synthetic", tmp_path / "syn", train_prompts=300, val_prompts=5), progress=True)
    shown = capsys.readouterr().out
    assert "synthetic-train" in shown
    assert "600 rows" in shown
