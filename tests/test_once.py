"""What is asked for several times at once is made once, whoever fails, gives up, or asks for more beside it."""

import asyncio
import threading

import pytest

from reward_fn.once import once
from reward_fn.store import MemoryStore, SqliteStore, counted_lookups


class Maker:
    """Makes numbers of their texts, and notes what it was asked for."""

    def __init__(self, seconds=0.02, keep=True):
        self.asked, self.seconds, self.keep = [], seconds, keep

    async def __call__(self, keys):
        self.asked.append(keys)
        await asyncio.sleep(self.seconds)
        return {key: (int(key), key.encode() if self.keep else None) for key in keys}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "kept.sqlite")


def asked(store, make, *groups):
    async def together():
        return await asyncio.gather(*(once(store, keys, int, make) for keys in groups), return_exceptions=True)

    return asyncio.run(together())


def test_what_is_asked_for_at_the_same_time_is_made_once(store):
    make = Maker()
    assert asked(store, make, *[["1"]] * 20) == [{"1": 1}] * 20
    assert asked(store, make, ["1"]) == [{"1": 1}]
    assert make.asked == [["1"]]


def test_of_several_keys_each_is_made_once(store):
    make = Maker()
    assert asked(store, make, ["1", "2"], ["2", "3"], ["3", "1"], []) == [
        {"1": 1, "2": 2},
        {"2": 2, "3": 3},
        {"1": 1, "3": 3},
        {},
    ]
    assert sorted(make.asked) == [["1", "2"], ["3"]]


def test_what_is_not_kept_is_shared_and_made_again_later(store):
    make = Maker(keep=False)
    assert asked(store, make, ["1"], ["1"]) == [{"1": 1}] * 2
    assert asked(store, make, ["1"]) == [{"1": 1}]
    assert make.asked == [["1"]] * 2


def test_an_exception_is_shared_and_not_kept(store):
    broken = Maker()
    results = asked(store, broken, ["x"], ["x"])
    assert all(isinstance(result, ValueError) for result in results)
    assert broken.asked == [["x"]]
    assert asked(store, Maker(), ["x"])[0].args == results[0].args


def test_one_that_waits_takes_over_from_a_maker_that_is_cancelled(store):
    async def work():
        make = Maker()
        first, second, third = (asyncio.create_task(once(store, ["1"], int, make)) for _ in range(3))
        await asyncio.sleep(0.01)
        first.cancel()
        third.cancel()
        return await asyncio.gather(first, second, third, return_exceptions=True)

    first, second, third = asyncio.run(work())
    assert second == {"1": 1}
    assert isinstance(first, asyncio.CancelledError) and isinstance(third, asyncio.CancelledError)


def test_loops_in_several_threads_share_what_is_made(store):
    make, found = Maker(0.2), []
    threads = [threading.Thread(target=lambda: found.extend(asked(store, make, ["1"]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"1": 1}] * 4 and make.asked == [["1"]]


def test_broken_content_is_as_good_as_none(store):
    store.put({"1": b"no number"})
    assert asked(store, Maker(), ["1"]) == [{"1": 1}]
    assert store.get(["1"]) == {"1": b"1"}


def test_look_ups_are_counted():
    store = MemoryStore()
    with counted_lookups() as counts:
        asked(store, Maker(), ["1"], ["1"], ["2"])
        asked(store, Maker(), ["1", "3"])
    assert (counts.asked, counts.found) == (5, 2)
