"""The main job in small, on real verl: interrupted, resumed, merged, evaluated, reported, and nothing left running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch

from rm_train.launch.run_folder import RunFolder
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge

STEPS = 4
REWARD_KEYS = {
    *("score", "acc", "abs_error", "format_ok", "predicted", "target", "response_length"),
    "truncated",
}


class Job:
    """A run of the command line, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = RunFolder(root / "run")
        self.command = [
            *(sys.executable, "-m", "rm_train.cli", "train", "pointwise", f"run_dir={self.folder.path}"),
            *(f"steps={STEPS}", "max_train_rows=64", "max_val_rows=24", "val_rows=8", "data.train_batch_size=4"),
            *("actor_rollout_ref.rollout.n=4", "trainer.save_freq=1", "trainer.test_freq=2"),
        ]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        environment = {**os.environ, "RM_TRAIN_CACHE": str(self.root / "cache")}
        return subprocess.Popen(
            [*self.command, *arguments], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def metrics(self, attempt: int) -> dict[int, dict[str, float]]:
        lines = (self.folder.path / "metrics" / f"{attempt:04d}.jsonl").read_text().splitlines()
        steps: dict[int, dict[str, float]] = {}
        for record in map(json.loads, lines):
            steps.setdefault(record["step"], {}).update(record["data"])
        return steps

    def running(self) -> list[str]:
        """Return the processes that the run has started and not ended; other runs may be at work beside it."""
        here = str(self.folder.path.resolve())
        return [
            " ".join(process.info["cmdline"] or [])
            for process in psutil.process_iter(["environ", "cmdline", "status"])
            if (process.info["environ"] or {}).get("RM_TRAIN_PROCESS", "").startswith(here)
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    job = Job(tmp_path_factory.mktemp("job"))
    torch.set_num_threads(1)
    build_tiny_judge(job.root / "cache" / "tiny-judge-v1-seed0", 0, WarmStart(prompts=200, steps=40))
    yield job


def test_an_interrupted_run_stops_in_order(job: Job) -> None:
    process = job.start()
    try:
        deadline = time.monotonic() + 400
        while job.folder.trained_steps() < 1:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline, "no checkpoint came"
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "the step at work is finished and saved first" in output
    assert "the same command goes on from the last checkpoint" in output
    assert "Traceback" not in output
    assert not job.folder.model.exists()
    assert job.running() == []


def test_the_same_command_goes_on_and_finishes(job: Job) -> None:
    resumed_from = job.folder.trained_steps()
    assert 1 <= resumed_from < STEPS
    process = job.start()
    output, _ = process.communicate(timeout=500)
    assert process.returncode == 0, output
    assert f"training from step {resumed_from}" in output
    assert f"step {STEPS}/{STEPS}" in output
    assert job.folder.trained_steps() == STEPS
    assert job.running() == []
    first, second = job.metrics(1), job.metrics(2)
    trained = [step for step in second if "timing_s/step" in second[step]]
    assert trained == list(range(resumed_from + 1, STEPS + 1))
    # The step at work when the run was stopped has been saved and logged.
    assert {step for step in first if "timing_s/step" in first[step]} == set(range(1, resumed_from + 1))


def test_the_parts_of_the_reward_reach_verls_loggers(job: Job) -> None:
    last = job.metrics(2)[STEPS]
    for key in REWARD_KEYS:
        assert last[f"reward/{key}/min"] <= last[f"reward/{key}/mean"] <= last[f"reward/{key}/max"]
    assert last["reward/failed/mean"] == 0 and last["reward/seconds/p99"] >= last["reward/seconds/p50"] > 0
    assert last["reward/num_samples"] == 16
    assert last["reward/score/mean"] == pytest.approx(last["critic/score/mean"], abs=1e-5)
    assert any(key.startswith("val-core/synthetic/helpfulness/acc") for key in last)
    assert list((job.folder.path / "tensorboard").glob("events.*"))


def test_the_run_leaves_a_judge_two_evaluations_and_a_report(job: Job) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    before = AutoModelForCausalLM.from_pretrained(job.root / "cache" / "tiny-judge-v1-seed0").state_dict()
    after = AutoModelForCausalLM.from_pretrained(job.folder.model).state_dict()
    assert before.keys() == after.keys()
    assert {tensor.dtype for tensor in [*before.values(), *after.values()]} == {torch.bfloat16}
    assert any(not torch.equal(before[name], after[name]) for name in before)
    AutoTokenizer.from_pretrained(job.folder.model)
    for side in ("before", "after"):
        judgments = (job.folder.evaluation(side) / "judgments.jsonl").read_text().splitlines()
        assert len(judgments) == 24
    record = json.loads(job.folder.record.read_text())
    assert record["data"]["synthetic"] and record["versions"]["verl"] == "0.9.1"
    page = (job.folder.path / "report.html").read_text()
    assert "synthetic" in page and "lenient" in page
    report = json.loads((job.folder.path / "report.json").read_text())
    for name, points in report["curves"].items():
        assert points and points[-1][0] == STEPS, name


def test_a_finished_run_only_shows_its_report(job: Job) -> None:
    files = sorted(str(path) for path in (job.folder.path / "metrics").iterdir())
    process = job.start()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "training" not in output.split("report:")[0].split("run folder:")[1].split("\n")[1]
    assert str(job.folder.path / "report.html") in output.replace("\n", "")
    assert sorted(str(path) for path in (job.folder.path / "metrics").iterdir()) == files
