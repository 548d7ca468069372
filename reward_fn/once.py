"""What is asked for several times at once is made once.

What a store has is not made again; what is being made is waited for, in this process, and where the store is one that
several processes share, in all of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from reward_fn.store import Store, count_lookups

T = TypeVar("T")
Made = tuple[T, bytes | None]
"""A value and the content to keep of it; None if it is not to be kept."""
_Flights = dict[str, "Future[Made[Any]]"]

_lock = threading.Lock()
_flights: WeakKeyDictionary[Store, _Flights] = WeakKeyDictionary()
"""What is being made now in this process, for each store."""


async def once(
    store: Store,
    keys: Collection[str],
    read: Callable[[bytes], T],
    make: Callable[[list[str]], Awaitable[Mapping[str, Made[T]]]],
) -> dict[str, T]:
    """Return the values of keys: those that are kept or being made as they are, the others after making them.

    Whoever waits for a value shares it with who makes it, an exception too; if the maker is cancelled, one that waits
    takes over. Between processes only contents are shared: after a failure each makes its own.

    Args:
        store: Where contents are kept.
        keys: The keys.
        read: Makes a value of a content; a ValueError means that the content is broken, and is as good as none.
        make: Makes the values of some of the keys.
    """
    values: dict[str, T] = {}
    with _lock:
        flights = _flights.setdefault(store, {})
        joined = {key: flights[key] for key in keys if key in flights}
        own: _Flights = {key: Future() for key in keys if key not in joined}
        flights.update(own)
    if own:
        values.update(await _lead(store, own, flights, read, make))
    count_lookups(len(joined), len(joined))
    waited = [asyncio.wrap_future(future) for future in joined.values()]
    if waited:
        await asyncio.wait(waited)
        for one in waited:
            one.cancelled() or one.exception()  # whose it is has raised it; below it is raised here
    for key, future in joined.items():
        if not future.cancelled():
            value, content = future.result()
            values[key] = value if content is None else read(content)
    if left := [key for key in joined if key not in values]:
        values.update(await once(store, left, read, make))
    return values


async def _lead(
    store: Store,
    own: _Flights,
    flights: _Flights,
    read: Callable[[bytes], T],
    make: Callable[[list[str]], Awaitable[Mapping[str, Made[T]]]],
) -> dict[str, T]:
    """Find or make the values of keys that nobody else in this process makes."""
    done: dict[str, Made[T]] = {}

    def settle(some: Mapping[str, Made[T]]) -> None:
        done.update(some)
        with _lock:
            for key in some:
                del flights[key]
        for key, made in some.items():
            own[key].set_result(made)

    try:
        kept, elsewhere = await store.claim(own)
        settle(_read(kept, read))
        count_lookups(len(own) - len(elsewhere), len(done))
        if mine := [key for key in own if key not in done and key not in elsewhere]:
            settle(await _kept(store, mine, make))
        if elsewhere:
            settle(_read(await store.wait(elsewhere), read))
            left = [key for key in own if key not in done]
            count_lookups(len(elsewhere), len(elsewhere) - len(left))
            if left:
                settle(await _kept(store, left, make))
    except BaseException as error:
        with _lock:
            left_over = [flights.pop(key) for key in own if key not in done]
        store.release([key for key in own if key not in done])
        for future in left_over:
            if isinstance(error, Exception):
                future.set_exception(error)
            else:
                future.cancel()
        raise
    return {key: value for key, (value, _) in done.items()}


async def _kept(
    store: Store, keys: list[str], make: Callable[[list[str]], Awaitable[Mapping[str, Made[T]]]]
) -> Mapping[str, Made[T]]:
    """Make values, and have their contents kept."""
    contents: dict[str, bytes] = {}
    try:
        made = await make(keys)
        contents = {key: content for key, (_, content) in made.items() if content is not None}
        if contents:
            await store.aput(contents)
        return made
    finally:
        if dropped := [key for key in keys if key not in contents]:
            store.release(dropped)


def _read(contents: Mapping[str, bytes], read: Callable[[bytes], T]) -> dict[str, Made[T]]:
    found: dict[str, Made[T]] = {}
    for key, content in contents.items():
        try:
            found[key] = read(content), content
        except ValueError:
            continue
    return found
