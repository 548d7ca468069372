"""An agent loop manager whose reward workers may die.

verl makes its reward workers once, and goes on to send answers to one that is dead. Each of these fails its group, and
with it the step. This manager gives verl's agent loops something else to call: it sends what a dead worker had to
another one, and has a new one made. In a config:

    +actor_rollout_ref.rollout.agent.agent_loop_manager_class=reward_fn.adapters.verl.GalleryAgentLoopManager
"""

from __future__ import annotations

import logging
import random
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker
from verl.trainer.ppo.v1 import AgentLoopManagerTQ

from reward_fn.hosting.actors import named_actor
from reward_fn.schema import FailureKind, RewardError

LIVES = 3
"""Workers that one answer may lose before it is taken to be what kills them."""

_logger = logging.getLogger(__name__)


class RewardWorkers:
    """All reward workers of a run, called as one of them is: `workers.compute_score.remote(data)`.

    Args:
        workers: Their handles.
        config: What a new one is made with.
        router: What a new one is made with: the address of verl's own reward models, if it has any.
    """

    def __init__(self, workers: list[Any], config: Any, router: str | None) -> None:  # noqa: ANN401 - verl's config
        self._workers, self._config, self._router = list(workers), config, router
        self._deaths = [0] * len(workers)

    @property
    def compute_score(self) -> RewardWorkers:
        """What verl calls as a method of an actor."""
        return self

    async def remote(self, data: DataProto) -> dict[str, Any]:
        """Have a worker score an answer.

        Raises:
            RewardError: Several workers have died with it; or whatever the reward raises.
        """
        lost = ""
        for _ in range(LIVES):
            place = random.randrange(len(self._workers))
            worker = self._workers[place]
            try:
                scored: dict[str, Any] = await worker.compute_score.remote(data)
                return scored
            except RayTaskError:  # the worker lives: this is the reward's own failure, whatever it died of
                raise
            except RayActorError as error:
                lost = str(error).splitlines()[0]
                self._replace(place, worker, lost)
        raise RewardError(FailureKind.CRASH, f"{LIVES} reward workers died with it, the last one so: {lost}")

    def _replace(self, place: int, dead: Any, lost: str) -> None:  # noqa: ANN401 - an actor's handle
        """Put a new worker in the place of a dead one, the same for all agent loops that miss it."""
        if self._workers[place] is not dead:
            return
        self._deaths[place] += 1
        name = f"reward_loop_worker_{place}_again_{self._deaths[place]}"
        _logger.warning("a reward worker died, %s takes its place and its answers go elsewhere: %s", name, lost)
        # As verl's own. Ray would start it again by itself, but not send its calls elsewhere meanwhile.
        self._workers[place] = named_actor(
            RewardLoopWorker, name, self._config, self._router, max_restarts=0, max_task_retries=0
        )


class GalleryAgentLoopManager(AgentLoopManagerTQ):  # type: ignore[misc]
    """verl's own manager, with reward workers that are replaced when they die."""

    def __init__(
        self,
        config: Any,  # noqa: ANN401 - verl's
        llm_client: Any,  # noqa: ANN401 - verl's
        teacher_client: Any = None,  # noqa: ANN401 - verl's
        reward_loop_worker_handles: list[Any] | None = None,
    ) -> None:
        if reward_loop_worker_handles:
            router = None
            if config.reward.reward_model.enable:
                router = ray.get(reward_loop_worker_handles[0].__ray_call__.remote(_router))
            reward_loop_worker_handles = [RewardWorkers(reward_loop_worker_handles, config, router)]
        super().__init__(config, llm_client, teacher_client, reward_loop_worker_handles)


def _router(worker: RewardLoopWorker) -> str | None:
    address: str | None = worker.reward_router_address
    return address
