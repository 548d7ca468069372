"""Makes what the tests of clusters share importable, and gives each module a machine of its own."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster_machine import Machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    home = Path(tempfile.mkdtemp(prefix="rmt-", dir="/tmp"))
    machine = Machine(home)
    yield machine
    machine.run("stop")
    shutil.rmtree(home, ignore_errors=True)
