"""What the tests of jobs share: the command line beside a cluster, and small jobs of any kind."""

import json
import os
import shlex
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from cluster_machine import Machine

SECRET = {"CANARY_API_KEY": "sk-canary-0123456789abcdef"}
"""In the environment of the nodes, and nowhere else."""

FAILING = ("pointwise", "dataset=helpsteer2", "dataset_path=/nowhere/ratings.jsonl")
"""A run that ends within seconds, at its first checks."""


SHELL = """
import json, sys
from click.testing import CliRunner
from rm_train.cli import main
for line in sys.stdin:
    done = CliRunner().invoke(main, json.loads(line))
    broken = done.exception is not None and not isinstance(done.exception, SystemExit)
    print(json.dumps([repr(done.exception) if broken else done.exit_code, done.stdout, done.stderr]), flush=True)
"""
"""One process for many commands: to import Ray takes longer than most of them."""


class Shell:
    """The command line in an environment, with imports done once."""

    def __init__(self, environment: dict[str, str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([sys.executable, "-c", SHELL], env=environment, text=True, **pipes)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([*map(str, words)]) + "\n")
        self._process.stdin.flush()
        status, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, status, out, err)

    def close(self) -> None:
        self._process.communicate(timeout=60)


@dataclass
class JobsCluster:
    machine: Machine
    dashboard: str
    shell: Shell | None = None

    @property
    def path(self) -> dict[str, str]:
        """Jobs run the `python` that Ray was started beside."""
        return {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}

    @property
    def runs(self) -> str:
        return f"runs_dir={self.machine.home / 'runs'}"

    def environment(self, **more: str) -> dict[str, str]:
        return self.machine.environment(**{"RAY_API_SERVER_ADDRESS": self.dashboard, **more})

    def start(self, *words: object, **more: str) -> subprocess.Popen[str]:
        """Start `rm-train WORDS`."""
        command = [sys.executable, "-m", "rm_train.cli", *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environment(**more), stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `rm-train WORDS` to its end; it never shows a traceback."""
        if more:
            process = self.start(*words, **more)
            out, err = process.communicate(timeout=500)
            done = subprocess.CompletedProcess(words, process.returncode, out, err)
        else:
            self.shell = self.shell or Shell(self.environment())
            done = self.shell.run(*words)
        assert "Traceback" not in done.stderr and isinstance(done.returncode, int), done
        return done

    def refused(self, *words: object, **more: str) -> str:
        """Return what a command says that refuses."""
        done = self.run(*words, **more)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr

    def any_job(self, code: str) -> str:
        """Submit a piece of Python as a job, as Ray's own command line does, and wait until it runs."""
        name = f"any-{uuid.uuid4().hex[:8]}"
        line = f"{shlex.quote(sys.executable)} -uc {shlex.quote(code)}"
        body = {
            "entrypoint": line,
            "submission_id": name,
            "runtime_env": {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "600"}},
        }
        self.ask("/api/jobs/", body)
        self.wait_for(name, "RUNNING", "SUCCEEDED", "FAILED")
        return name

    def ask(self, endpoint: str, body: dict[str, Any] | None = None) -> Any:
        import requests

        headers = {"Authorization": f"Bearer {self.machine.token.read_text()}"}
        method = "GET" if body is None else "POST"
        answer = requests.request(method, self.dashboard + endpoint, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def wait_until_up(self, head: subprocess.Popen[bytes]) -> None:
        for _ in range(1200):
            try:
                self.ask("/api/jobs/")
                return
            except OSError:
                assert head.poll() is None, (self.machine.home / "head.log").read_text()
            time.sleep(0.1)
        raise AssertionError((self.machine.home / "head.log").read_text())

    def wait_for(self, job: str, *states: str) -> dict[str, Any]:
        for _ in range(3000):
            details = self.ask(f"/api/jobs/{job}")
            if details["status"] in states:
                return details
            time.sleep(0.1)
        raise AssertionError(f"{job} is {details['status']}: {json.dumps(details)[:2000]}")

    def nothing_runs(self) -> None:
        """Check that no job and none of its processes are left."""
        if self.shell is not None:
            self.shell.close()
        left = [job["submission_id"] for job in self.ask("/api/jobs/") if job["status"] in ("PENDING", "RUNNING")]
        assert left == []
        home = str(self.machine.home)
        lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
        assert [line for line in lines if home in line and ("rm_train.cli train" in line or "main_ppo" in line)] == []
