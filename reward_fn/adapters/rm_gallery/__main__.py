"""A worker process with RM-Gallery: `python -m reward_fn.adapters.rm_gallery MEMORY_LIMIT`."""

from reward_fn.adapters.rm_gallery.inside import prepare
from reward_fn.workers.job import main

main(prepare)
