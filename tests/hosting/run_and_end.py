"""A run that uses rules and cache of a cluster, and ends: `run_and_end.py ADDRESS normal|error|interrupt|detached`."""

import os
import sys
import time

import ray
import rule_jobs as jobs

from reward_fn.hosting.cache import CacheSettings, attach_cache
from reward_fn.hosting.rules import RulePoolSettings, attach_rules
from reward_fn.store import open_store
from reward_fn.workers.pool import pool

if __name__ == "__main__":
    _, address, how = sys.argv
    ray.init(address=address, log_to_driver=False)
    attach_rules(RulePoolSettings(workers=2, detached=how == "detached"))
    attach_cache(CacheSettings(detached=how == "detached"))
    store = open_store(None)
    store.put({"a": b"1"})
    cache = ray.get(ray.get_actor("reward_fn cache").__ray_call__.remote(lambda _: os.getpid()))
    ended = [pool().submit(jobs.actor_of, 0.1, timeout_s=30) for _ in range(8)]
    workers = {pool().submit(os.getpid, timeout_s=30).result() for _ in range(4)}
    at_work = [pool().submit(jobs.stubborn, 60, timeout_s=60) for _ in range(8)]
    print(cache, *{job.result() for job in ended}, *workers, flush=True)
    if how == "error":
        raise ValueError("the run broke")
    if how == "interrupt":
        time.sleep(60)
