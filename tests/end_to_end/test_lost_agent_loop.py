"""verl waits for ever for an agent loop that has died; a run of ours ends, and says what it has lost."""

import subprocess
import sys
import time

import psutil
import pytest

from rm_train.launch.process import MARK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SETTINGS = (
    *("hardware=cpu", "steps=4", "max_train_rows=64", "max_val_rows=8", "val_rows=8", "trainer.save_freq=-1"),
    *("trainer.test_freq=-1", "trainer.val_before_train=false"),
)


def agent_loops(folder):
    """Return the agent loops of the run in a folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["cmdline"] or [""])[0].startswith("ray::AgentLoopWorker")
        and (process.info["environ"] or {}).get(MARK, "").startswith(str(folder))
    ]


def test_a_run_whose_agent_loop_is_killed_ends_and_names_it(tmp_path):
    command = [sys.executable, "-m", "rm_train.cli", "train", f"run_dir={tmp_path / 'run'}", *SETTINGS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    run = subprocess.Popen(command, text=True, **pipes)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("step 1/4"):
            break
    time.sleep(0.5)  # into the next step's rollout
    (loop,) = agent_loops(tmp_path)
    loop.kill()
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 1
    assert f"AgentLoopWorkerTQ (pid {loop.pid}) on node" in said
