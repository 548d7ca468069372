"""Ends a run that waits for what will never come.

verl polls for answers that are finished, and an agent loop that died, with its node or by itself, finishes none: the
run would wait for ever, with all GPUs idle. Reward workers may die, since ours are replaced (`reward_workers`).
"""

from __future__ import annotations

import time

import ray

_NEEDED = (
    *("AgentLoopWorker", "GlobalRequestLoadBalancer", "WorkerDict"),
    *("TransferQueueController", "SimpleStorageUnit", "MooncakeStoreClient"),
    *("RolloutServer", "vLLMHttpServer", "SGLangHttpServer"),
)
"""How the names of the actors begin without which no answer is finished: verl's, TransferQueue's, our CPU rollout's."""
_EVERY_S = 10.0


class LostActorError(RuntimeError):
    """An actor died that the run cannot go on without; it can go on from its last checkpoint."""


class LostActors:
    """Looks for dead actors of this run, not more often than every ten seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def look(self) -> None:
        """Look, if the last look is long enough ago.

        Raises:
            LostActorError: One is dead that the run needs.
        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_S
        job = ray.JobID(bytes.fromhex(ray.get_runtime_context().get_job_id()))
        for actor in ray._private.state.actors(job_id=job, actor_state_name="DEAD").values():
            # Classes that are made inside a function have its name before theirs.
            name = actor["ActorClassName"].rpartition(".")[2]
            if name.startswith(_NEEDED):
                node, pid = actor["Address"]["IPAddress"], actor["Pid"]
                raise LostActorError(
                    f"{name} (pid {pid}) on node {node} died, and the step at work cannot be finished: "
                    f"{_reason(actor['DeathCause'])}"
                )


def _reason(cause: object) -> str:
    """Return why an actor died, from Ray's message, whose kinds all have a text for it."""
    for line in str(cause).splitlines():
        key, _, text = line.strip().partition(": ")
        if key in ("error_message", "reason_message"):
            return text.strip('"')
    return "Ray does not say why"
