"""Plug-ins for verl, all named in its config by one path; nothing is copied into verl, and nothing pickled.

reward:
  custom_reward_function:
    path: pkg://reward_fn.adapters.verl
    name: compute_score
    reward_kwargs: {reward_file: mix.yaml}
"""

from importlib import import_module
from typing import Any

from reward_fn.adapters.verl.function import compute_score, compute_score_sync

__all__ = ["compute_score", "compute_score_sync"]

_NEED_VERL = {
    "GalleryAgentLoopManager": "reward_workers",
    "GalleryRewardManager": "manager",
    "MetricsReplayBuffer": "sampler",
    "MetricsReplayBufferAsync": "sampler",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the classes that import verl, which the functions do without
    if name not in _NEED_VERL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_VERL[name]}"), name)
