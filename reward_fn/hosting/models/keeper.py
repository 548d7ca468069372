"""The actor that makes the others of a model, and outlives them.

Ray ends an actor with the one that made it. A controller that dies shall not take the loaded models along, so it is
not the one that makes them: this one does, and does nothing else that could go wrong.
"""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.models.controller import Controller
from reward_fn.hosting.models.replica import Replica
from reward_fn.hosting.models.settings import ModelSettings


def actor_name(model: str) -> str:
    """Return the name of a model's controller, with which the names of its other actors begin."""
    return f"reward_fn model {model}"


class Keeper:
    """Makes a model's controller and replicas.

    Args:
        model: What users call the model.
        settings: How it is hosted.
    """

    def __init__(self, model: str, settings: ModelSettings) -> None:
        self._model, self._settings = model, settings
        self._key = secrets.token_urlsafe(32)
        self._numbers = itertools.count()
        self._replicas: dict[int, Any] = {}
        self._controller: Any = None

    async def controller(self) -> Any:  # noqa: ANN401 - an actor's handle
        """Return the controller, after making it if there is none."""
        import ray
        from ray.exceptions import ActorDiedError

        while True:
            if self._controller is None:
                own = ray.get_runtime_context().current_actor
                name = actor_name(self._model)
                self._controller = named_actor(Controller, name, self._model, self._settings, self._key, own)
            try:
                await self._controller.status.remote()
            except ActorDiedError:  # somebody has killed it for good
                self._controller = None
            else:
                return self._controller

    async def replicas(self) -> dict[int, Any]:
        """Return the replicas by their numbers, those that have died and were not ended too."""
        return dict(self._replicas)

    async def make(self) -> tuple[int, Any]:
        """Make a replica, and return its number, which no other one gets, and its handle."""
        number, settings = next(self._numbers), self._settings
        name = f"{actor_name(self._model)} {number}"
        self._replicas[number] = named_actor(
            Replica,
            name,
            name,
            self._model,
            settings,
            self._key,
            num_cpus=settings.num_cpus,
            num_gpus=settings.gpus,
            scheduling_strategy="SPREAD",
            max_restarts=0,
            max_task_retries=0,
        )
        return number, self._replicas[number]

    async def end(self, number: int) -> None:
        """End a replica, with its server."""
        import ray

        if (replica := self._replicas.pop(number, None)) is not None:
            ray.kill(replica)
