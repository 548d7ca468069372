"""Jobs in worker processes: each has its own time, and a worker that is gone takes no other job with it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pool_jobs as jobs
import psutil
import pytest

from reward_fn.schema import FailureKind, RewardError
from reward_fn.workers.pool import WorkerPool, pool


@pytest.fixture(scope="module")
def two():
    return WorkerPool(2)


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_job_gives_its_result_or_raises_its_error(two):
    assert two.submit(jobs.add, 2, 3, timeout_s=5).result() == 5
    with pytest.raises(ValueError, match="so it is"):
        two.submit(jobs.fail, "so it is", timeout_s=5).result()
    with pytest.raises(RuntimeError, match="Unpicklable: odd error"):
        two.submit(jobs.fail_oddly, timeout_s=5).result()
    assert len(two.submit(jobs.large, 20_000_000, timeout_s=20).result()) == 20_000_000


def test_a_job_over_its_time_is_interrupted_and_its_worker_goes_on(two):
    one = WorkerPool(1)
    pid = one.submit(jobs.where, timeout_s=5).result()
    for job in (jobs.sleep, jobs.swallow):
        with pytest.raises(RewardError, match=r"took longer than 0\.2 s") as caught:
            one.submit(job, 60, timeout_s=0.2).result()
        assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert one.submit(jobs.where, timeout_s=5).result() == pid


def test_a_job_that_cannot_be_interrupted_is_killed_while_others_finish(two):
    stuck = two.submit(jobs.stubborn, 60, timeout_s=0.2)
    others = [two.submit(jobs.sleep, 0.05, timeout_s=5) for _ in range(10)]
    assert [other.result() for other in others] == [0.05] * 10
    with pytest.raises(RewardError, match="was killed") as caught:
        stuck.result()
    assert caught.value.failure.kind is FailureKind.TIMEOUT


def test_what_a_job_has_started_is_killed_with_it(two, tmp_path):
    with pytest.raises(RewardError, match="was killed"):
        two.submit(jobs.leave_a_child, tmp_path / "pid", timeout_s=1).result()
    assert gone(int((tmp_path / "pid").read_text()))


def test_the_clock_begins_with_the_job_and_not_in_the_queue():
    one = WorkerPool(1)
    waiting = [one.submit(jobs.sleep, 0.2, timeout_s=0.5) for _ in range(8)]
    assert [job.result() for job in waiting] == [0.2] * 8


def test_a_worker_that_dies_is_a_crash_of_its_job_only(two):
    dying = [two.submit(jobs.die, timeout_s=5) for _ in range(3)]
    fine = two.submit(jobs.add, 1, 1, timeout_s=5)
    for job in dying:
        with pytest.raises(RewardError, match="ended with status -9") as caught:
            job.result()
        assert caught.value.failure.kind is FailureKind.CRASH
    assert fine.result() == 2


def test_a_job_whose_worker_has_died_is_done_once_more(two, tmp_path):
    assert two.submit(jobs.die_at_first, tmp_path / "calls", timeout_s=5).result() == 1
    with pytest.raises(RewardError, match="ended with status -9"):
        two.submit(jobs.die_and_count, tmp_path / "deaths", timeout_s=5).result()
    assert (tmp_path / "deaths").read_text() == "xx"


def test_a_worker_that_is_killed_between_jobs_is_replaced():
    one = WorkerPool(1)
    first = one.submit(jobs.where, timeout_s=5).result()
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    assert one.submit(jobs.where, timeout_s=5).result() != first


def test_what_a_job_prints_is_no_answer(two):
    assert two.submit(jobs.talk, timeout_s=5).result() == "quiet"


def test_memory_is_limited():
    small = WorkerPool(1, memory=2 * 2**30)
    with pytest.raises(MemoryError):
        small.submit(jobs.hoard, 3, timeout_s=20).result()
    assert small.submit(jobs.add, 1, 1, timeout_s=5).result() == 2


def test_threads_and_loops_share_the_pool(two):
    def from_a_thread(n):
        return two.submit(jobs.add, n, 1, timeout_s=5).result()

    async def from_a_loop():
        return await asyncio.gather(*(asyncio.wrap_future(two.submit(jobs.add, n, 1, timeout_s=5)) for n in range(50)))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(from_a_thread, range(50))) == list(range(1, 51))
    assert asyncio.run(from_a_loop()) == list(range(1, 51))


def test_a_job_that_is_cancelled_in_the_queue_is_left_out():
    one = WorkerPool(1)
    busy = one.submit(jobs.sleep, 0.3, timeout_s=5)
    waiting = one.submit(jobs.die, timeout_s=5)
    assert waiting.cancel()
    assert busy.result() == 0.3
    assert one.submit(jobs.add, 1, 1, timeout_s=5).result() == 2


def test_a_function_that_is_not_there_for_the_worker_is_an_error(two):
    with pytest.raises((AttributeError, RuntimeError), match=r"local|find"):
        two.submit(lambda: 1, timeout_s=5).result()


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_workers_end_with_the_process_that_started_them(tmp_path: Path, how: str):
    code = (
        "import os, signal, sys, threading\n"
        "from reward_fn.workers.pool import WorkerPool\n"
        "import pool_jobs as jobs\n"
        "pool = WorkerPool(1)\n"
        "print(pool.submit(jobs.where, timeout_s=5).result(), flush=True)\n"
        "pool.submit(jobs.stubborn, 60, timeout_s=60)\n"
        "import time; time.sleep(0.5)\n" + ("os.kill(os.getpid(), signal.SIGKILL)\n" if how == "kill" else "")
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=path)
    assert done.returncode == (-9 if how == "kill" else 0), done.stderr
    assert gone(int(done.stdout))


def test_a_forked_child_has_a_pool_of_its_own():
    mine = pool().submit(jobs.add, 1, 1, timeout_s=5).result()
    child = os.fork()
    if child == 0:
        os._exit(pool().submit(jobs.add, 20, 1, timeout_s=5).result() + mine)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 23


def test_the_same_job_runs_in_a_thread_that_is_not_the_main_one(two):
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(two.submit(jobs.add, 1, 2, timeout_s=5).result()))
    thread.start()
    thread.join()
    assert seen == [3]
