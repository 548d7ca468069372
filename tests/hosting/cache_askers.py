"""Processes that ask for the same things at the same time, and note what they were made to make."""

import asyncio
import os
import time

from reward_fn.hosting.cache import CacheSettings, attach_cache
from reward_fn.once import once
from reward_fn.store import open_store


class Asker:
    """What a reward worker does, in a process of its own."""

    def __init__(self, made, path=None):
        self.made = made
        attach_cache(CacheSettings(path=path))

    def where(self):
        return os.getpid()

    def failures(self):
        return open_store(None).failures

    async def ask(self, keys, seconds=0.05, fail=False):
        async def make(some):
            with self.made.open("a") as file:
                file.write("".join(f"{os.getpid()} {key}\n" for key in some))
            await asyncio.sleep(seconds)
            if fail:
                raise ValueError("not made")
            return {key: (int(key), key.encode()) for key in some}

        start = time.monotonic()
        values = await asyncio.gather(*(once(open_store(None), [key], int, make) for key in keys))
        assert [value[key] for value, key in zip(values, keys, strict=True)] == [int(key) for key in keys]
        return time.monotonic() - start
