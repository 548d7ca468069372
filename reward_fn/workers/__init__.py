"""Worker processes that can be killed: for rules that hang, crash, or take more than a core gives.

`pool.pool()` is the pool of this process. `job.py` is what runs in a worker, and imports nothing that it does not need.
"""
