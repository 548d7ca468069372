import asyncio
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from reward_fn import loop
from reward_fn.store import (
    MemoryStore,
    SqliteStore,
    counted_lookups,
    key_of,
    look_up,
    open_store,
    use_store,
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "new" / "kept.sqlite")


def test_what_is_put_is_found_and_nothing_else(store):
    store.put({f"key{i}": bytes([i % 256]) for i in range(2000)})
    assert store.get([f"key{i}" for i in range(1990, 2010)]) == {f"key{i}": bytes([i % 256]) for i in range(1990, 2000)}
    store.put({"key0": b"new"})
    assert store.get(["key0", "nothing"]) == {"key0": b"new"}
    assert store.get([]) == {}


def test_many_threads_may_use_it(store):
    def work(number):
        for i in range(50):
            store.put({f"{number}-{i}": b"x"})
            store.get([f"{number}-{i}"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.get([f"{number}-{i}" for number in range(8) for i in range(50)])) == 400


def test_threads_that_open_a_new_file_at_the_same_time_all_get_it(tmp_path):
    for attempt in range(150):
        store, start, threads, failed = SqliteStore(tmp_path / f"{attempt}.sqlite"), threading.Barrier(16), [], []

        def work(number, store=store, start=start, failed=failed):
            start.wait()
            try:
                store.put({str(number): b"x"})
            except sqlite3.OperationalError as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert len(store.get([str(number) for number in range(16)])) == 16


def test_of_too_many_the_longest_unused_are_forgotten():
    store = MemoryStore(most=2)
    store.put({"a": b"1", "b": b"2"})
    store.get(["a"])
    store.put({"c": b"3"})
    assert set(store.get(["a", "b", "c"])) == {"a", "c"}


def test_processes_share_a_file(tmp_path):
    path = tmp_path / "kept.sqlite"
    code = (
        "import sys; from pathlib import Path; from reward_fn.store import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "for i in range(100): store.put({f'{sys.argv[2]}-{i}': b'x'})"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, path, str(number)]) for number in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert len(SqliteStore(path).get([f"{number}-{i}" for number in range(4) for i in range(100)])) == 400


def test_a_forked_child_has_a_connection_of_its_own(tmp_path):
    store = SqliteStore(tmp_path / "kept.sqlite")
    store.put({"a": b"1"})
    if (child := os.fork()) == 0:
        store.put({"b": b"2"})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get(["a", "b"]) == {"a": b"1", "b": b"2"}


def test_keys_do_not_depend_on_the_order_of_a_mapping():
    assert key_of({"a": 1, "b": [None, "\ud800"]}) == key_of({"b": [None, "\ud800"], "a": 1})
    assert key_of([1, 2]) != key_of([2, 1])


def test_lookups_are_counted_where_they_are_asked_for(tmp_path):
    store = SqliteStore(tmp_path / "a.sqlite")
    store.put({"a": b"1"})
    with counted_lookups() as outer:
        look_up(store, ["a", "b"])
        with counted_lookups() as inner:
            look_up(store, ["a"])
    look_up(store, ["a"])
    assert (outer.asked, outer.found) == (2, 1)
    assert (inner.asked, inner.found) == (1, 1)


def test_lookups_of_tasks_in_the_loop_of_all_rewards_are_counted():
    store = MemoryStore()
    store.put({"a": b"1"})

    async def asked():
        await asyncio.gather(*(asyncio.to_thread(look_up, store, [key]) for key in "ab"))

    with counted_lookups() as counts:
        loop.run(asked())
    assert (counts.asked, counts.found) == (2, 1)


def test_bytes_are_bounded_too():
    store = MemoryStore(most_bytes=10)
    store.put({"a": b"1234", "b": b"1234"})
    store.put({"a": b"12"})
    assert set(store.get(["a", "b"])) == {"a", "b"}
    store.put({"c": b"123"})
    assert set(store.get(["a", "b", "c"])) == {"b", "c"}
    store.put({"d": b"x" * 100})
    assert store.get(["b", "c", "d"]) == {}


def test_of_a_file_that_is_too_large_the_oldest_goes(tmp_path):
    path = tmp_path / "kept.sqlite"
    SqliteStore(path).put({f"old {i}": b"x" * 1000 for i in range(300)})
    store = SqliteStore(path, most_bytes=1_000_000)
    for i in range(3000):
        store.put({f"key {i}": b"x" * 1000})
    found = [i for i in range(3000) if store.get([f"key {i}"])]
    assert store.failures == 0 and store.get([f"old {i}" for i in range(300)]) == {}
    assert 700 < len(found) < 1000 and found == list(range(3000 - len(found), 3000))
    assert path.stat().st_size < 1_200_000


def test_a_broken_file_has_nothing_and_is_told_once(tmp_path, caplog):
    path = tmp_path / "kept.sqlite"
    path.write_bytes(b"no database " * 1000)
    store = SqliteStore(path)
    for _ in range(3):
        store.put({"a": b"1"})
        assert store.get(["a"]) == {}
    assert store.failures == 6
    assert len(caplog.records) == 1 and "not a database" in caplog.text and str(path) in caplog.text


def test_a_full_disk_keeps_what_it_has_and_goes_on_when_there_is_room(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path; from reward_fn.store import SqliteStore\n"
        "path = Path(sys.argv[1]); store = SqliteStore(path); store.put({'a': b'1'})\n"
        "limit = lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))\n"
        "limit(40_000)\n"
        "for i in range(3): store.put({f'b{i}': b'x' * 100_000})\n"
        "assert store.failures == 3 and store.get(['a', 'b0']) == {'a': b'1'}, store.failures\n"
        "limit(resource.RLIM_INFINITY); store.put({'c': b'1'}); assert set(store.get(['a', 'b0', 'c'])) == {'a', 'c'}\n"
        "assert store.failures == 3"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "kept.sqlite"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the cache") == 1


def test_a_process_opens_the_stores_it_is_told_to_and_its_children_do_not():
    others = {}
    use_store(lambda path: others.setdefault(path, MemoryStore()))
    try:
        assert open_store(None) is others[None] is open_store(None)
        if (child := os.fork()) == 0:
            os._exit(int(open_store(None) is others[None]))
        assert os.waitpid(child, 0)[1] == 0
    finally:
        use_store(None)
    assert open_store(None) is not others[None]
