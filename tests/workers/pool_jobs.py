"""Jobs for the tests' workers: a worker imports them by name."""

import os
import signal
import subprocess
import sys
import time


def add(a, b):
    return a + b


def where():
    return os.getpid()


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def stubborn(seconds):
    """Go on in spite of interrupts, as code in C does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(seconds)


def note_or_hang(path, what):
    """Note a text in a file; or sleep for so many seconds, or hang in spite of interrupts."""
    if what == "stubborn":
        stubborn(60)
    elif what.isdigit():
        time.sleep(int(what))
    else:
        with path.open("a") as file:
            file.write(f"{what} ")
    return what


def swallow(seconds):
    try:
        time.sleep(seconds)
    except Exception:  # noqa: BLE001 - what libraries do
        return "swallowed"


def fail(text):
    raise ValueError(text)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_first(path):
    """Kill the worker, if no call did before."""
    before = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (before + 1))
    if before == 0:
        die()
    return before


def die_and_count(path):
    with path.open("a") as file:
        file.write("x")
    die()


def leave_a_child(path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    path.write_text(str(child.pid))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)


def talk():
    print("to standard output")
    os.write(1, b"and past Python\n")
    return "quiet"


def hoard(gibibytes):
    return len(bytearray(gibibytes * 2**30))


def large(size):
    return "x" * size


class Unpicklable(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


def fail_oddly():
    raise Unpicklable("odd", "error")
