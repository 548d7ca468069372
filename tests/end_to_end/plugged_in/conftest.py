"""Training runs of stock verl on rewards that are named in its config, with a model of random weights."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts" / "faults"))
from small_run import ROOT, SmallRun, make


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a model and rows of two data sets."""
    folder = tmp_path_factory.mktemp("made")
    make(folder)
    return folder


@pytest.fixture
def run(made, tmp_path):
    """Train with `reward_kwargs` and overrides, and check that no process is left."""

    def run(kwargs, *overrides):
        run = SmallRun(tmp_path, made, kwargs, *overrides, path=[ROOT / "tests" / "adapters" / "verl"])
        run.wait(500)
        assert run.left() == []
        return run

    return run
