"""Which checkpoints stay, which one a run goes on from, and the one that is saved when a run is asked to stop."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from rm_train.launch.checkpoints import RunCheckpoints, superseded, validation_accuracy
from rm_train.launch.run_folder import RunFolder


def save(folder: RunFolder, *steps: int) -> None:
    for step in steps:
        folder.actor(step).mkdir(parents=True)
        (folder.checkpoint(step) / "data.pt").touch()


@pytest.mark.parametrize(
    ("accuracy", "keep_last", "keep_best", "gone"),
    [
        ({}, 2, True, [10, 20]),
        ({10: 0.9, 20: 0.5, 30: 0.9, 40: 0.1}, 1, True, [10, 20]),
        ({10: 0.9, 20: 0.5, 30: 0.2, 40: 0.1}, 1, True, [20, 30]),
        ({10: 0.9, 20: 0.5, 30: 0.2, 40: 0.1}, 1, False, [10, 20, 30]),
        ({10: 0.9}, None, True, []),
        ({5: 1.0, 40: 0.3}, 1, True, [10, 20, 30]),
    ],
)
def test_the_last_and_the_best_stay(accuracy, keep_last, keep_best, gone):
    assert superseded([10, 20, 30, 40], accuracy, keep_last, keep_best=keep_best) == gone


@given(st.sets(st.integers(1, 50), min_size=1), st.dictionaries(st.integers(1, 50), st.floats(0, 1)), st.integers(1, 5))
def test_the_newest_is_never_removed(steps, accuracy, keep_last):
    gone = superseded(steps, accuracy, keep_last, keep_best=True)
    assert max(steps) not in gone
    assert len(steps) - len(gone) <= keep_last + 1


def test_accuracy_is_read_from_the_metrics_of_all_attempts(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.metrics.mkdir()
    for step, accuracies in ((10, (0.2, 0.4)), (20, (0.5, 0.5)), (10, (0.6, 0.8))):
        data = {f"val-core/source{i}/acc/mean@1": value for i, value in enumerate(accuracies)}
        folder.next_metrics().write_text(
            json.dumps({"step": step, "data": {**data, "val-aux/x/acc/mean@1": 9.0}})
            + "\n"
            + json.dumps({"step": step + 1, "data": {"reward/acc/mean": 0.0}})
            + '\n{"step": 30, "da'  # the disk was full
        )
    assert validation_accuracy(folder) == pytest.approx({10: 0.7, 20: 0.5})


@pytest.fixture
def callback(tmp_path: Path) -> RunCheckpoints:
    config = {
        "run_dir": str(tmp_path),
        "keep_checkpoints": 1,
        "keep_best": True,
        "trainer": {"save_freq": 20, "total_epochs": 9},
    }
    return RunCheckpoints(OmegaConf.create(config))


def test_a_save_removes_what_is_not_kept(callback: RunCheckpoints, tmp_path: Path):
    folder = RunFolder(tmp_path)
    save(folder, 20, 40, 60)
    folder.metrics.mkdir()
    folder.next_metrics().write_text(
        "".join(
            json.dumps({"step": step, "data": {"val-core/s/acc/mean@1": value}}) + "\n"
            for step, value in ((20, 0.8), (40, 0.3))
        )
    )
    callback.on_save(trainer=None, global_step=60, checkpoint_dir=str(folder.checkpoint(60)))
    assert folder.checkpoint_steps() == [20, 60]


def test_a_run_that_is_asked_to_stop_saves_its_step_and_begins_no_other(callback: RunCheckpoints, tmp_path: Path):
    folder = RunFolder(tmp_path)
    assert callback.config.trainer == {"save_freq": 20, "total_epochs": 9}
    folder.stop_request.touch()
    deadline = time.monotonic() + 20
    while callback.config.trainer != {"save_freq": 1, "total_epochs": 0}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("tracker", ["", "60", "4o", None])
def test_a_tracker_that_a_kill_has_spoilt_is_mended(tmp_path: Path, tracker):
    folder = RunFolder(tmp_path)
    save(folder, 20, 40)
    folder.actor(80).mkdir(parents=True)  # begun, and never finished
    path = folder.checkpoints / "latest_checkpointed_iteration.txt"
    if tracker is not None:
        path.write_text(tracker)
    assert folder.trained_steps() == 40
    folder.mend_tracker()
    assert path.read_text() == "40"


def test_a_tracker_without_any_whole_checkpoint_is_removed(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.actor(20).mkdir(parents=True)
    path = folder.checkpoints / "latest_checkpointed_iteration.txt"
    path.write_text("20x")
    folder.mend_tracker()
    assert folder.trained_steps() == 0
    assert not path.exists()
