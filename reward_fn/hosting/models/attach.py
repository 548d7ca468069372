"""How a process comes to use models that are hosted for it.

    ray.init()
    attach_models({"judge": ModelSettings(path="/models/qwen3-8b", max_replicas=4)})
    llm = OpenaiLLM(model="judge", hosted=True)

On Ray the whole cluster has the model in common; without it, the process has it for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from reward_fn.hosting.models.alone import LoneModel
from reward_fn.hosting.models.clustered import ClusteredModel
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.judges.llm.hosted import HostedModel, use_models
from reward_fn.judges.llm.turns import NoTurnError
from reward_fn.schema import FailureKind

_Hosting = tuple[ModelSettings, str]
"""How a model is hosted, and where: the cluster and the job, or nothing for this process itself."""

_models: dict[str, tuple[_Hosting, ClusteredModel | LoneModel]] = {}


def attach_models(models: Mapping[str, ModelSettings]) -> None:
    """Have the LLM clients of this process find models here that the cluster hosts, or without Ray this process itself.

    A model is loaded when a client first asks it. A client names one by `model`, and says `hosted=True`.

    Args:
        models: How each is hosted, by name. What another process of the job has said of the same name before, holds.
    """
    place = _place()
    for name, settings in models.items():
        hosting = settings, place
        if name not in _models or _models[name][0] != hosting:  # with the object, its servers would go
            _models[name] = hosting, ClusteredModel(name, settings) if place else LoneModel(name, settings)
    use_models(_found)


def make_models() -> None:
    """Have the models that this process has attached loaded now; they then live as long as it does."""
    for _, model in _models.values():
        model.make()


def _place() -> str:
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    context = ray.get_runtime_context()
    return f"{context.gcs_address} {context.get_job_id()}"


def _found(name: str) -> HostedModel:
    if name not in _models:
        told = f"no model {name} is hosted for this process, but {', '.join(_models) or 'none'}"
        raise NoTurnError(FailureKind.UNAVAILABLE, told)
    return _models[name][1]
