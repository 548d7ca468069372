"""Makes what the tests share importable by names that Ray's workers can import too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_engine import make_fake_engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """An interpreter whose vLLM is there at once."""
    return make_fake_engine(tmp_path_factory.mktemp("engine"))
