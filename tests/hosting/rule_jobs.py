"""Jobs for the workers of a cluster, and a process that has them done."""

import os
import signal
import time

from reward_fn.hosting.rules import RulePoolSettings, attach_rules
from reward_fn.workers.pool import pool


def actor_of(seconds=0.0):
    """Return the process id of the actor whose worker this is, after some time."""
    time.sleep(seconds)
    return os.getppid()


def kill_actor():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def stubborn(seconds):
    """Go on in spite of interrupts, as code in C does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(seconds)


def stubborn_or(seconds):
    """Hang for long, or return the few seconds."""
    if seconds >= 1:
        stubborn(seconds)
    return seconds


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def fail(text):
    raise ValueError(text)


class Asker:
    """What a reward worker does, in a process of its own."""

    def __init__(self):
        attach_rules(RulePoolSettings(workers=2))

    def ask(self, count):
        return [job.result() for job in [pool().submit(actor_of, timeout_s=30) for _ in range(count)]]
