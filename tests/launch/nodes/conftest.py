"""A cluster whose nodes differ for real, and configs of runs that join it."""

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from raylets import BARE, ODD, Raylets, can_hide

from rm_train.launch.config import compose_config

SITE = """
import os, time
true = time.time
time.time = lambda: true() + 60
if os.environ.get("RM_TESTS_SLOW"):
    time.sleep(600)
"""
"""What Python runs first on the odd node: its clock is a minute ahead, and a variable makes it start too late."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with a short name, for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="nodes") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="module")
def raylets(place: Path) -> Iterator[Raylets]:
    """A head with two GPU tickets, that asks for a token."""
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    with ExitStack() as stack:
        stack.callback(lambda: (os.environ.clear(), os.environ.update(kept)))
        cluster = Raylets(place / "ray")
        stack.callback(cluster.end)
        cluster.head("--num-cpus=16", "--num-gpus=2", RM_TESTS_SECRET="value")
        yield cluster


@pytest.fixture
def joining(raylets: Raylets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Compose a run that joins the cluster, from a folder that has no packages in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    def joining(*overrides: str) -> object:
        own = [f"ray_address='{raylets.address}'", "hardware=cpu", f"cache_dir={tmp_path / 'cache'}"]
        return compose_config("pointwise", ["ray=existing", *own, *overrides])

    return joining


@pytest.fixture(scope="module")
def local(place: Path) -> Path:
    """A folder that the bare node has for itself, with what a run reads: a model, data, a reward."""
    folder = place / "local"
    (folder / "model").mkdir(parents=True)
    (folder / "runs").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    (folder / "train.parquet").write_text("rows")
    (folder / "reward.py").write_text("x = 1\n")
    return folder


@pytest.fixture(scope="module")
def odd(raylets: Raylets, place: Path):
    """A node with another verl, an old reward_fn, a wrong clock and no secret."""
    site = place / "site"
    (site / "reward_fn").mkdir(parents=True)
    (site / "reward_fn" / "__init__.py").write_text("")
    (site / "sitecustomize.py").write_text(SITE)
    info = site / "verl-0.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: verl\nVersion: 0.9.0\n")
    return raylets.node(ODD, "--num-cpus=6", "--num-gpus=1", PYTHONPATH=str(site))


@pytest.fixture(scope="module")
def bare(raylets: Raylets, local: Path):
    """A node that has nothing in the local folder."""
    if not can_hide():
        pytest.skip("no process may mount anything here")
    return raylets.node(BARE, "--num-cpus=6", "--num-gpus=1", hidden=local, RM_TESTS_SECRET="value")
