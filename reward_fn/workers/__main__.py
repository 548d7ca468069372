"""A worker process: `python -m reward_fn.workers MEMORY_LIMIT`."""

from reward_fn.workers.job import main

main()
