"""What the runs of stock verl share."""

import sys
from pathlib import Path

import pytest

from rm_train.models.tiny.pair_warm_start import PairWarmStart, build_tiny_pair_judge

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def barely_taught(tmp_path_factory):
    """A tiny judge of two answers that was taught for a moment."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    build_tiny_pair_judge(folder, 0, PairWarmStart(steps=30, prompts=60))
    return folder
