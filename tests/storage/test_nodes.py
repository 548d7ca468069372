"""Two nodes with disks of their own, as raylets that see another file system under the same path."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from raylets import BARE, Raylets, can_hide
from rich.console import Console

from rm_train.launch.config import compose_config
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.stored import RunStorage, fetch_model
from rm_train.launch.stored.cluster import call
from rm_train.storage import Store
from rm_train.storage.errors import IncompleteError
from rm_train.storage.run import StoredRun

pytestmark = pytest.mark.slow

SHARDS = [f"checkpoints/global_step_20/actor/model_world_size_2_rank_{rank}.pt" for rank in (0, 1)]
LAST = "checkpoints/global_step_20/data.pt"


@pytest.fixture
def disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="disks") as folder:
        yield Path(folder).resolve() / "disk"


@pytest.fixture
def cluster(bucket: str, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Raylets]:
    """A head that shares this process's disk, and a node that does not; both reach the bucket."""
    if not can_hide():
        pytest.skip("no process may mount anything here")
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "110")
    raylets = Raylets(disk.with_name("ray"))
    try:
        raylets.head("--num-cpus=2", "--num-gpus=1")
        raylets.node(BARE, "--num-cpus=2", "--num-gpus=1", hidden=disk)
        yield raylets
    finally:
        raylets.end()


def test_nodes_store_their_shards_and_get_what_they_lack(cluster: Raylets, bucket: str, disk: Path):
    folder = disk / "run"
    Store(f"{bucket}/judge").write("config.json", "{}")
    config = compose_config("pointwise", [
        "ray=existing", f"ray_address='{cluster.address}'", f"run_dir={folder}", f"storage={bucket}/runs",
        f"cache_dir={disk / 'cache'}", f"base_model_path={bucket}/judge", "hardware=cpu", "steps=20",
    ])  # fmt: skip

    def disks(*file: str, where: Path = folder) -> list[dict[str, str]]:
        command = [sys.executable, "-m", "node_disks", cluster.address, str(where), *file]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    for name in (SHARDS[0], LAST, "run.json", "data/train.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}" if name == "run.json" else name)
    arguments = {"uri": f"{bucket}/runs/run", "folder": str(folder)}
    with pytest.raises(IncompleteError, match=r"checkpoint 20 is not whole: no node has .*rank_1"):
        call(config, "store", **arguments, step=20)

    here, there = disks(SHARDS[1], SHARDS[1])
    assert SHARDS[1] not in here and set(there) == {SHARDS[1]}  # the disks are not shared
    storage = RunStorage(config, RunFolder(folder), Console(quiet=True))
    storage.before_training()
    assert StoredRun(f"{bucket}/runs/run").checkpoints.steps() == [20]
    here, there = disks("metrics/0001.jsonl", '{"step": 20, "data": {"storage/failed": 0}}\n')
    fetched = (*SHARDS, LAST, "data/train.parquet")
    assert {name: there[name] for name in fetched} == {name: name for name in fetched}
    assert there["checkpoints/latest_checkpointed_iteration.txt"] == "20"
    assert SHARDS[1] not in here and "metrics/0001.jsonl" not in here
    storage.after_training()
    here, _ = disks()
    assert {*SHARDS, LAST, "metrics/0001.jsonl"} <= set(here)  # all that the merge and the report need

    fetch_model(config, Console(quiet=True))
    found = disks(where=Path(config.base_model_path))
    assert found == [{"config.json": "{}"}] * 2
