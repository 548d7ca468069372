"""The run folder: one process at a time, and a new metrics file for each attempt."""

from pathlib import Path

import pytest

from rm_train.launch.metrics_file import MetricsTail
from rm_train.launch.run_folder import RunBusyError, RunFolder


def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with folder.lock():
        with pytest.raises(RunBusyError, match="another process works in"), RunFolder(tmp_path / "run").lock():
            pass
        (folder.path / "data").mkdir()
        (folder.path / "data" / "x").write_text("old")
        folder.clear()
        assert [path.name for path in folder.path.iterdir()] == [".lock"]
    with folder.lock():
        pass


def test_each_attempt_has_its_own_metrics(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = []
    for _ in range(3):
        path = folder.next_metrics()
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        names.append(path.name)
    assert names == ["0001.jsonl", "0002.jsonl", "0003.jsonl"]


def test_trained_steps_are_those_of_the_last_whole_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.trained_steps() == 0
    folder.checkpoint(40).mkdir(parents=True)
    (folder.checkpoints / "latest_checkpointed_iteration.txt").write_text("40")
    assert folder.trained_steps() == 40
    assert folder.actor(40) == tmp_path / "checkpoints" / "global_step_40" / "actor"


def test_the_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    tail = MetricsTail(path)
    assert list(tail()) == []
    path.write_text('{"step": 1, "data": {"a": 1.5}}\n{"step": 2, "da')
    assert list(tail()) == [(1, {"a": 1.5})]
    assert list(tail()) == []
    with path.open("a") as file:
        file.write('ta": {}}\n')
    assert list(tail()) == [(2, {})]
