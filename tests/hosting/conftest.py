"""Makes what the tests share importable by names that Ray's workers can import too."""

import sys
from pathlib import Path

import pytest
import ray

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "judges"):
    sys.path.insert(0, str(folder))


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this machine alone; its address."""
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
