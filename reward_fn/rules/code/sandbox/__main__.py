"""A worker process of the sandbox: `python -m reward_fn.rules.code.sandbox MEMORY (namespaces|none) FOLDER…`."""

import sys
from functools import partial

from reward_fn.rules.code.sandbox import supervisor
from reward_fn.workers import job

_, _, isolation, *folders = sys.argv
job.main(partial(supervisor.prepare, isolation == "namespaces", tuple(folders)))
