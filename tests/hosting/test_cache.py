"""What one process of a cluster has made, no other makes again: not later, not at the same time, not after a crash."""

import asyncio
import os
import resource
import signal
import time
from contextlib import suppress

import psutil
import pytest
import ray
from cache_askers import Asker

from reward_fn.hosting import cache_actor
from reward_fn.hosting.cache import CacheSettings, attach_cache
from reward_fn.store import open_store, use_store


@pytest.fixture
def askers(cluster, tmp_path):
    """Makes processes that share a cache."""
    started = []

    def start(count, path=None):
        new = [ray.remote(num_cpus=0)(Asker).remote(tmp_path / "made", path) for _ in range(count)]
        ray.get([one.where.remote() for one in new])
        started.extend(new)
        return new

    yield start
    for one in started:
        ray.kill(one)
    for name in ray.util.list_named_actors():
        with suppress(ValueError):  # it went with the process that made it
            ray.kill(ray.get_actor(name))


@pytest.fixture
def attached(cluster):
    """This process uses the cluster's cache."""

    def attach(**settings):
        attach_cache(CacheSettings(**settings))
        return open_store(None)

    yield attach
    use_store(None)


def made(tmp_path):
    return [line.split()[1] for line in (tmp_path / "made").read_text().splitlines()]


def begun(tmp_path):
    """Wait until something is being made."""
    while not (tmp_path / "made").exists():
        time.sleep(0.05)


def actor_pid():
    return ray.get(ray.get_actor("reward_fn cache").__ray_call__.remote(lambda _: os.getpid()))


def test_a_process_that_is_not_in_a_cluster_is_refused():
    if not ray.is_initialized():
        with pytest.raises(RuntimeError, match="not connected to Ray"):
            attach_cache()


def test_what_many_processes_ask_for_at_once_is_made_once(askers, tmp_path):
    keys = [str(i) for i in range(300)]
    workers = askers(3)
    asked = [keys[start : start + 200] for start in (0, 50, 100)]
    ray.get([one.ask.remote(some) for one, some in zip(workers, asked, strict=True) for _ in range(2)], timeout=60)
    assert sorted(made(tmp_path)) == sorted(keys)
    assert len({line.split()[0] for line in (tmp_path / "made").read_text().splitlines()}) > 1
    assert "reward_fn cache" in ray.util.list_named_actors()


def test_sync_and_async_doors_and_counts(askers, attached):
    store = attached()
    store.put({"a": b"1", "b": b"2"})
    assert store.get(["a", "c"]) == {"a": b"1"}
    assert store.stats() == {"asked": 2, "found": 1, "waited": 0, "put": 2, "failures": 0}


def test_after_a_failure_each_process_makes_its_own(askers, tmp_path):
    first, second = askers(2)
    failing = first.ask.remote(["1"], 1.0, fail=True)
    begun(tmp_path)
    waiting = second.ask.remote(["1"])
    with pytest.raises(ValueError, match="not made"):
        ray.get(failing, timeout=30)
    assert ray.get(waiting, timeout=30) < 3
    assert made(tmp_path) == ["1", "1"]


def test_a_maker_that_gives_up_does_not_leave_the_others_waiting(askers, tmp_path):
    first, second = askers(2)
    gone = first.ask.remote(["1"], 60.0)
    begun(tmp_path)
    waiting = second.ask.remote(["1"])
    time.sleep(0.3)
    ray.cancel(gone)
    assert ray.get(waiting, timeout=30) < 5


@pytest.mark.slow
def test_a_maker_that_dies_is_not_waited_for_longer_than_its_lease(askers, attached, tmp_path):
    attached().put({})  # the actor is this process's, and does not go with the maker
    first, second = askers(2)
    gone = first.ask.remote(["1"], 60.0)
    begun(tmp_path)
    waiting = second.ask.remote(["1"])
    os.kill(ray.get(first.where.remote()), signal.SIGKILL)
    assert cache_actor.LEASE_S / 2 < ray.get(waiting, timeout=60) < cache_actor.LEASE_S * 1.3
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(gone)


def test_only_who_is_heard_of_is_waited_for(monkeypatch):
    monkeypatch.setattr(cache_actor, "LEASE_S", 0.3)

    async def work():
        actor = cache_actor.CacheActor(None, 1000)
        assert await actor.exchange("a", ["1"], [], {}, []) == ({}, frozenset())
        assert await actor.exchange("b", ["1"], [], {}, []) == ({}, {"1"})
        waiting = asyncio.create_task(actor.wait(["1"]))
        for _ in range(6):
            await asyncio.sleep(0.1)
            await actor.renew("a", ["1"])
        assert not waiting.done()
        assert await asyncio.wait_for(waiting, 1.0) == {}
        assert await actor.exchange("b", ["1"], [], {}, []) == ({}, frozenset())
        await actor.exchange("b", [], [], {"1": b"1"}, [])
        assert await actor.exchange("a", ["1"], ["2"], {}, []) == ({"1": b"1"}, frozenset())

    asyncio.run(work())


@pytest.mark.slow
def test_an_actor_that_goes_with_the_process_that_made_it_is_made_again(askers, tmp_path):
    first, second = askers(2)
    ray.get(first.ask.remote(["1"]), timeout=60)
    ray.get(second.ask.remote(["1"]), timeout=60)
    assert made(tmp_path) == ["1"]
    os.kill(ray.get(first.where.remote()), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while "reward_fn cache" in ray.util.list_named_actors():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ray.get(second.ask.remote(["1"]), timeout=60)
    assert made(tmp_path) == ["1", "1"] and ray.get(second.failures.remote()) == 0


@pytest.mark.parametrize("on_disk", [False, True])
def test_after_a_crash_a_file_has_everything_and_memory_nothing(askers, tmp_path, on_disk):
    workers = askers(2, tmp_path / "kept.sqlite" if on_disk else None)
    keys = [str(i) for i in range(20)]
    ray.get(workers[0].ask.remote(keys), timeout=60)
    at_work = [one.ask.remote(["100"], 2.0) for one in workers]
    time.sleep(0.5)
    os.kill(actor_pid(), signal.SIGKILL)
    assert ray.get(workers[1].ask.remote(keys), timeout=60) < 10
    ray.get(at_work, timeout=60)
    assert len([key for key in made(tmp_path) if key in keys]) == (20 if on_disk else 40)
    assert ray.get([one.failures.remote() for one in workers]) == [0, 0]


@pytest.mark.slow
def test_what_a_run_before_has_kept_is_found(askers, tmp_path):
    (first,) = askers(1, tmp_path / "kept.sqlite")
    ray.get(first.ask.remote(["1", "2"]), timeout=60)
    ray.kill(ray.get_actor("reward_fn cache"))
    ray.kill(first)
    (second,) = askers(1, tmp_path / "kept.sqlite")
    ray.get(second.ask.remote(["1", "2", "3"]), timeout=60)
    assert made(tmp_path) == ["1", "2", "3"]


def test_a_full_disk_ends_nothing(askers, attached, tmp_path):
    store = attached(path=tmp_path / "kept.sqlite")
    (asker,) = askers(1, tmp_path / "kept.sqlite")
    ray.get(asker.ask.remote(["1"]), timeout=60)
    psutil.Process(actor_pid()).rlimit(psutil.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for _ in range(2):
        ray.get(asker.ask.remote([str(i) for i in range(2, 50)]), timeout=60)
    assert store.stats()["failures"] > 0
    assert store.get(["1"]) == {"1": b"1"}
    psutil.Process(actor_pid()).rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ray.get(asker.ask.remote(["99"]), timeout=60)
    assert store.get(["99"]) == {"99": b"99"}


def test_an_actor_that_does_not_answer_ends_nothing_is_told_once_and_keeps_what_it_has(
    askers, attached, caplog, monkeypatch
):
    store = attached()
    store.put({"a": b"1"})
    monkeypatch.setattr("reward_fn.hosting.cache._REST_S", 1.0)
    with monkeypatch.context() as patch:
        patch.setattr("reward_fn.hosting.cache._ANSWER_S", 0.0)
        store.put({"b": b"1"})
        assert store.get(["a"]) == {}
    assert store.failures >= 1 and len(caplog.records) == 1 and "cannot be asked" in caplog.text
    time.sleep(1.1)
    assert "a" in store.get(["a"])


def test_a_reward_that_names_a_file_has_an_actor_for_it(askers, attached, tmp_path):
    attached()
    store = open_store(tmp_path / "own.sqlite")
    store.put({"a": b"1"})
    assert f"reward_fn cache {tmp_path / 'own.sqlite'}" in ray.util.list_named_actors()
    assert open_store(None).get(["a"]) == {} and (tmp_path / "own.sqlite").exists()
