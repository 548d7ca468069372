"""Checkpoints in storage: whole or not there, retained as on the disk, and stored while the training goes on."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_proxy import FaultyProxy

from rm_train.launch.checkpoints import superseded
from rm_train.launch.run_folder import RunFolder
from rm_train.storage import StorageError, Store
from rm_train.storage.checkpoints import missing_shards
from rm_train.storage.errors import IncompleteError
from rm_train.storage.run import StoredRun, store_checkpoint
from rm_train.storage.upload import CheckpointUpload

NAMES = [f"actor/{kind}_world_size_2_rank_{rank}.pt" for kind in ("model", "optim", "extra_state") for rank in (0, 1)]


def save(folder: RunFolder, step: int, names: list[str] | None = None) -> None:
    for name in [*(NAMES if names is None else names), "actor/huggingface/config.json", "data.pt"]:
        path = folder.checkpoint(step) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{step} {name}")
    (folder.checkpoints / "latest_checkpointed_iteration.txt").write_text(str(step))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def keep_last(count: int) -> Callable[..., list[int]]:
    return lambda steps: superseded(steps, {}, count, keep_best=False)


def test_a_checkpoint_comes_back_as_it_was(place: str, tmp_path: Path):
    here, there = RunFolder(tmp_path / "here"), RunFolder(tmp_path / "there")
    save(here, 20)
    size = store_checkpoint(place, here.path, 20)
    checkpoints = StoredRun(place).checkpoints
    assert checkpoints.steps() == [20]
    assert size == sum(map(len, contents(here.checkpoint(20)).values()))
    checkpoints.fetch(20, there.checkpoint(20))
    there.go_on_from(20)
    assert contents(there.path) == contents(here.path)
    assert there.trained_steps() == 20
    (there.actor(20) / "model_world_size_2_rank_1.pt").unlink()  # a shard that another node has saved
    checkpoints.fetch(20, there.checkpoint(20))
    assert contents(there.path) == contents(here.path)


def test_half_a_checkpoint_is_never_taken(place: str, tmp_path: Path):
    here = RunFolder(tmp_path / "here")
    save(here, 20)
    save(here, 40)
    checkpoints = StoredRun(place).checkpoints
    store_checkpoint(place, here.path, 20)
    checkpoints.put(40, here.checkpoint(40), NAMES[:3])  # and then the power failed
    assert checkpoints.steps() == [20]
    with pytest.raises(StorageError, match="it is not there"):
        checkpoints.fetch(40, tmp_path / "there")
    store_checkpoint(place, here.path, 40)
    checkpoints.put(30, here.checkpoint(40), NAMES[:1])
    checkpoints.remove_unmarked(40)
    assert checkpoints.steps() == [20, 40] and not Store(place).files("checkpoints/global_step_30")


def test_a_checkpoint_that_lacks_a_shard_is_not_marked(place: str, tmp_path: Path):
    here = RunFolder(tmp_path)
    save(here, 20, NAMES[1:])
    with pytest.raises(IncompleteError, match="no node has actor/model_world_size_2_rank_0"):
        store_checkpoint(place, here.path, 20)
    assert StoredRun(place).checkpoints.steps() == []
    assert missing_shards(["data.pt", *NAMES]) == [] and missing_shards(NAMES) == ["data.pt"]


def test_a_damaged_shard_or_marker_is_not_taken(place: str, tmp_path: Path):
    here = RunFolder(tmp_path / "here")
    save(here, 20)
    store_checkpoint(place, here.path, 20)
    name = "checkpoints/global_step_20/" + NAMES[0]
    Store(place).write(name, Store(place).read(name)[:-2])
    with pytest.raises(StorageError, match=r"rank_0\.pt: it is damaged"):
        StoredRun(place).checkpoints.fetch(20, tmp_path / "there")
    assert not (tmp_path / "there" / "data.pt").exists()
    Store(place).write("checkpoints/global_step_20.json", "{")
    with pytest.raises(StorageError, match=r"global_step_20.json: it is damaged; remove it"):
        StoredRun(place).checkpoints.files(20)


def test_old_ones_go_from_storage_as_from_the_disk(place: str, tmp_path: Path):
    here = RunFolder(tmp_path)
    upload = CheckpointUpload(place, here.path, keep_last(2))
    for step in (20, 40, 60):
        save(here, step)
        upload.wait()
        upload.begin(step)
    upload.wait()
    assert StoredRun(place).checkpoints.steps() == [40, 60]
    assert not Store(place).files("checkpoints/global_step_20")
    assert upload.measures()["storage/failed"] == 0


def test_a_failed_upload_is_told_and_the_next_one_tries_again(
    proxy: FaultyProxy, bucket: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    here = RunFolder(tmp_path)
    upload = CheckpointUpload(bucket, here.path, keep_last(1))
    save(here, 20)
    upload.begin(20)
    upload.wait()
    proxy.fault = lambda handler, _: handler.command in ("PUT", "POST") and handler.refuse(403, "AccessDenied")
    save(here, 40)
    with caplog.at_level(logging.WARNING):
        upload.begin(40)
        upload.wait()
    assert (
        "checkpoint 40 could not be stored, the next one tries again" in caplog.text and "no permission" in caplog.text
    )
    assert upload.measures()["storage/failed"] == 1
    assert StoredRun(bucket).checkpoints.steps() == [20]  # the last one that was stored stays
    proxy.fault = None
    save(here, 60)
    upload.begin(60)
    upload.wait()
    assert StoredRun(bucket).checkpoints.steps() == [60]


def test_a_run_folder_is_mirrored_and_replaced_as_a_whole(place: str, tmp_path: Path):
    here, there, run = tmp_path / "here", tmp_path / "there", StoredRun(place)
    assert not run.has_begun()
    for name in (
        "run.json",
        "data/train.parquet",
        "model/old",
        "metrics/0001.jsonl",
        "logs/train.log",
        ".lock",
        "stop",
    ):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(name)
    save(RunFolder(here), 20)
    run.push(here)
    assert run.has_begun()
    shutil.rmtree(here / "model")
    (here / "model").mkdir()
    (here / "model" / "new").write_text("new")
    (here / "run.json").write_text("run.jsoN")  # of the same size
    run.push(here)
    run.pull(there)
    expected = {"run.json", "data/train.parquet", "model/new", "metrics/0001.jsonl", "logs/train.log"}
    assert set(contents(there)) == expected and (there / "run.json").read_text() == "run.jsoN"
    run.pull(tmp_path / "node", ["data", "metrics"])
    assert set(contents(tmp_path / "node")) == {"data/train.parquet", "metrics/0001.jsonl"}
    (tmp_path / "node/metrics/0001.jsonl").write_text("metrics of two steps")
    run.push_traces(tmp_path / "node")
    run.pull_traces(here)
    assert (here / "metrics/0001.jsonl").read_text() == "metrics of two steps"
    run.clear()
    assert Store(place).files() == {}
