"""A run whose agent loop has died says so instead of waiting for it."""

import os
import signal
import time

import pytest
import ray

from reward_fn.adapters.verl import lost_actors
from reward_fn.adapters.verl.lost_actors import LostActorError, LostActors

alive = []
"""Actors that no test ends: one that nobody holds any more is dead, too."""


def made(name):
    # Not of this module, which the workers cannot import.
    kind = type(name, (), {"pid": lambda self: os.getpid(), "__module__": "__main__"})
    actor = ray.remote(kind).options(num_cpus=0).remote()
    return actor, ray.get(actor.pid.remote())


def kill(actor, pid):
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(actor.pid.remote())


@pytest.fixture
def lost(cluster, monkeypatch):
    monkeypatch.setattr(lost_actors, "_EVERY_S", 0.0)
    return LostActors()


def test_a_run_goes_on_while_its_actors_live_and_when_those_die_that_are_replaced(lost):
    needed, _ = made("AgentLoopWorkerTQ")
    alive.append(needed)
    kill(*made("RewardLoopWorker"))
    for _ in range(3):
        lost.look()
        time.sleep(0.2)
    assert ray.get(needed.pid.remote())


def test_a_dead_agent_loop_is_named_with_its_node_and_why(lost):
    actor, pid = made("AgentLoopWorkerTQ")
    kill(actor, pid)
    with pytest.raises(
        LostActorError, match=rf"AgentLoopWorkerTQ \(pid {pid}\) on node [\d.]+ died, .*: .*(worker|died)"
    ):
        for _ in range(100):
            lost.look()
            time.sleep(0.1)


def test_it_does_not_look_at_every_poll(cluster, monkeypatch):
    monkeypatch.setattr(ray._private.state, "actors", lambda **_: looks.append(1) or {})
    looks, lost = [], LostActors()
    for _ in range(5):
        lost.look()
    assert len(looks) == 1
