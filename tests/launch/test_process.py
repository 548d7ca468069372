"""A run's processes: logged, and gone afterwards with everything they started."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rm_train.launch.process import ProcessFailedError, run_logged

# Starts a process that leaves its parent's session, as Ray's daemons do, and says its number.
DAEMON = (
    "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    " start_new_session=True); print(p.pid, flush=True)"
)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_and_errors_are_appended_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    run_logged(python("import sys; print('out'); print('err', file=sys.stderr)"), {}, log)
    run_logged(python("import os; print(os.environ['EXTRA'])"), {"EXTRA": "again"}, log)
    assert sorted(log.read_text().split()) == ["again", "err", "out"]


def test_a_failure_shows_the_traceback_and_names_the_log(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailedError) as caught:
        run_logged(python("print('noise'); raise ValueError('the key is wrong')"), {}, tmp_path / "x.log")
    message = str(caught.value)
    assert "ValueError: the key is wrong" in message and "exit status 1" in message
    assert str(tmp_path / "x.log") in message and "noise" not in message


def test_a_full_disk_is_named_since_the_log_cannot_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda path: full)
    with pytest.raises(ProcessFailedError, match=rf"the disk of {tmp_path} is full; make room there"):
        run_logged(python("raise SystemExit(1)"), {}, tmp_path / "x.log")


@pytest.mark.parametrize("ending", ["", "; raise SystemExit(3)"])
def test_daemons_do_not_outlive_the_command(tmp_path: Path, ending: str) -> None:
    log = tmp_path / "x.log"
    try:
        run_logged(python(DAEMON + ending), {}, log)
    except ProcessFailedError:
        assert ending
    pid = int(log.read_text().split()[0])
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_an_interrupt_ends_the_command_first(tmp_path: Path) -> None:
    log = tmp_path / "x.log"

    def interrupt_once_it_runs() -> None:
        if log.read_text():
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_logged(python(DAEMON + "; import time; time.sleep(60)"), {}, log, interrupt_once_it_runs)
    assert time.monotonic() - began < 30
    pid = int(log.read_text().split()[0])
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_an_interrupt_may_leave_the_command_the_time_to_end_by_itself(tmp_path: Path) -> None:
    log, request = tmp_path / "x.log", tmp_path / "stop"
    waits = f"""
import pathlib, time
print("up", flush=True)
while not pathlib.Path({str(request)!r}).exists():
    time.sleep(0.05)
print("saved")
"""

    def interrupt_once_it_runs() -> None:
        if log.read_text() and not request.exists():
            raise KeyboardInterrupt

    def ask() -> bool:
        request.touch()
        return True

    with pytest.raises(KeyboardInterrupt):
        run_logged(python(waits), {}, log, interrupt_once_it_runs, ask)
    assert log.read_text().split() == ["up", "saved"]


def test_a_second_interrupt_ends_the_wait(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    asked = []

    def always_interrupt() -> None:
        if log.read_text():
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_logged(
            python(DAEMON + "; import time; time.sleep(60)"), {}, log, always_interrupt, lambda: not asked.append(1)
        )
    assert asked == [1]
    assert time.monotonic() - began < 30


def killed_caller(log: Path, command: str) -> None:
    """Run a command from a process of its own, and kill that process with SIGKILL once the command runs."""
    code = f"""
from pathlib import Path
from rm_train.launch.process import run_logged
run_logged({python(command)!r}, {{}}, Path({str(log)!r}))
"""
    caller = subprocess.Popen(python(code))
    while not (log.exists() and log.read_text()):
        assert caller.poll() is None
        time.sleep(0.05)
    caller.kill()
    caller.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_killed_caller_takes_the_command_with_it(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    killed_caller(log, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    gone(int(log.read_text()))


def test_what_a_killed_caller_has_left_is_ended_by_the_next(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    killed_caller(log, DAEMON + "; import time; time.sleep(60)")
    daemon = int(log.read_text().split()[0])
    assert psutil.pid_exists(daemon)
    run_logged(python("print('next')"), {}, log)
    gone(daemon)


def gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the process still runs"
        time.sleep(0.05)


def test_the_error_of_an_earlier_attempt_is_not_shown_again(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with pytest.raises(ProcessFailedError, match="ValueError: first"):
        run_logged(python("raise ValueError('first')"), {}, log)
    with pytest.raises(ProcessFailedError) as caught:
        run_logged(python("print('second', flush=True); import os; os.kill(os.getpid(), 9)"), {}, log)
    assert "second" in str(caught.value) and "signal 9" in str(caught.value)
    assert "first" not in str(caught.value)


def test_a_shielded_command_hears_no_sigterm_but_an_interrupt(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    waits = (
        "import os, signal, time\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('here', flush=True)\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: print('interrupted', flush=True)"
    )

    def interrupt_once_it_runs() -> None:
        if "here" in log.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged(python(waits), {}, log, interrupt_once_it_runs, shielded=True)
    assert log.read_text().split() == ["here", "interrupted"]
