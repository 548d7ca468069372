"""A training that lives in a bucket: data and model come from there, and it goes on from there on an empty disk."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rm_train.launch.run_folder import RunFolder
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge
from rm_train.storage import Store
from rm_train.storage.run import StoredRun

pytestmark = pytest.mark.slow


@pytest.fixture
def model_in(bucket: str, tmp_path: Path) -> str:
    torch.set_num_threads(1)
    build_tiny_judge(tmp_path / "built", 0, WarmStart(prompts=100, steps=20))
    Store(f"{bucket}/judge").put_all({path.name: path for path in (tmp_path / "built").iterdir()})
    return f"{bucket}/judge"


@pytest.mark.timeout(1200)
def test_a_run_goes_on_from_storage_on_an_empty_disk(bucket: str, model_in: str, tmp_path: Path):
    def train(machine: str, *more: str) -> str:
        command = [
            *(sys.executable, "-m", "rm_train.cli", "train", "pointwise", f"run_dir={tmp_path / machine / 'run'}"),
            *(f"storage={bucket}/runs", f"base_model_path={model_in}", f"cache_dir={tmp_path / machine / 'cache'}"),
            *("hardware=cpu", "max_train_rows=32", "max_val_rows=8", "val_rows=8", "data.train_batch_size=4"),
            *("actor_rollout_ref.rollout.n=4", "trainer.save_freq=1", "trainer.test_freq=2", "keep_checkpoints=1"),
            *("keep_best=false", *more),
        ]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout

    first = train("one", "steps=2")
    stored = StoredRun(f"{bucket}/runs/run")
    assert stored.checkpoints.steps() == [2]  # keep_checkpoints=1
    assert "going on" not in first and "fetching the run" not in first
    kept = set(Store(f"{bucket}/runs/run").files())
    assert {"run.json", "config.yaml", "report.html", "data/manifest.json", "metrics/0001.jsonl"} <= kept
    assert {"model/config.json", "evaluation/before/metrics.json", "evaluation/after/metrics.json"} <= kept
    lines = [json.loads(line) for line in (tmp_path / "one/run/metrics/0001.jsonl").read_text().splitlines()]
    figures = [line["data"] for line in lines if "storage/failed" in line["data"]]
    assert len(figures) == 2 and figures[-1]["storage/failed"] == 0 and figures[-1]["storage/upload_bytes"] > 0

    shutil.rmtree(tmp_path / "one")  # the machine is lost
    second = train("two", "steps=3")
    assert "fetching the run" in second and "training from step 2" in second and "step 3/3" in second
    assert stored.checkpoints.steps() == [3]
    folder = RunFolder(tmp_path / "two" / "run")
    record = json.loads(folder.record.read_text())
    assert record["judge_steps"] == 3 and record["steps"] == 3
    assert sorted(path.name for path in folder.metrics.iterdir()) == ["0001.jsonl", "0002.jsonl"]

    shutil.rmtree(tmp_path / "two")
    third = train("three", "steps=3")
    assert "fetching the run" in third and "step 3/3" not in third
    assert (tmp_path / "three" / "run" / "report.html").exists()
    everything = [path for path in (tmp_path / "three" / "run").rglob("*") if path.is_file()]
    assert everything and not [path for path in everything if b"canary-secret" in path.read_bytes()]
