"""A job over two nodes loses a worker or a node in mid-run, and ends as a run that nobody touched."""

import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "faults"))
from two_nodes import CASES, run_case, two_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
STEPS = 6
SMALL = (
    *("max_train_rows=64", "max_val_rows=24", "val_rows=8", "cpu_sizes={batch: 8, micro_batch: 8}"),
    *("trainer.save_freq=2", "trainer.test_freq=-1", "trainer.val_before_train=false"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the run of each case by its name, when all have ended."""
    folder = tmp_path_factory.mktemp("runs")
    with two_nodes() as cluster:
        return {name: run_case(name, cluster, folder, STEPS, SMALL) for name in CASES}


def test_both_nodes_hold_a_shard(runs):
    for run in runs.values():
        names = {path.name for path in run.folder.actor(STEPS).iterdir()}
        assert {f"model_world_size_2_rank_{rank}.pt" for rank in (0, 1)} <= names


@pytest.mark.parametrize("case", ["worker", "node"])
def test_a_loss_costs_no_more_than_the_steps_since_the_checkpoint(runs, case):
    first, second = runs[case].attempts()
    assert first[0] == 1 and STEPS // 2 + 1 <= first[-1] < STEPS
    assert second[0] <= first[-1] + 1  # what came after the last checkpoint is trained again
    assert second[-1] == STEPS


@pytest.mark.parametrize("case", ["worker", "node"])
def test_every_step_is_that_of_a_run_without_the_loss(runs, case):
    # Sums of float32 come in another order, so that some of the 32 draws of a step differ; one is worth up to 0.08.
    expected = runs["untouched"].rewards()
    for step, reward in runs[case].rewards().items():
        assert reward == pytest.approx(expected[step], abs=0.3)


def test_nothing_is_left_running(runs):
    folders = [str(run.folder.path) for run in runs.values()]
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if any(folder in command for folder in folders)]
