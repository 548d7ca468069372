"""Worker processes that can be killed: for rules that hang, crash, or take more than a core gives.

`pool()` is the pool of this process. `job.py` is what runs in a worker.
"""

from reward_fn.workers.pool import WorkerPool, pool

__all__ = ["WorkerPool", "pool"]
