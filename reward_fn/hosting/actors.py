"""Actors of Ray's that are known by a name: made by whoever asks first, found by all others of the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CALLS = 100_000
"""Calls that may be at work in one of our async actors at a time; Ray's own limit is 1,000."""

_held: dict[str, Any] = {}
"""Handles, by the actor's name: Ray ends an actor when the process that made it holds its handle no longer."""


def named_actor(cls: type, name: str, *arguments: object, detached: bool = False, **options: Any) -> Any:  # noqa: ANN401 - an actor's handle
    """Return the actor of a name, after making it if there is none.

    If its process dies, Ray starts another one with the same arguments, and repeats the calls that were at work. It
    ends with the process that made it, at the latest with the job, unless it is detached.

    Args:
        cls: Its class, which can be imported.
        name: Its name in the job's namespace, also in Ray's dashboard.
        arguments: What the class is called with.
        detached: Whether it outlives the job.
        options: More options of Ray's, such as resources.
    """
    import ray

    settings: dict[str, Any] = {"num_cpus": 0, "max_concurrency": CALLS, "max_restarts": -1, "max_task_retries": -1}
    if detached:
        settings["lifetime"] = "detached"
    make: Callable[..., Any] = ray.remote(cls).options(name=name, get_if_exists=True, **(settings | options)).remote
    _held[name] = make(*arguments)
    return _held[name]
