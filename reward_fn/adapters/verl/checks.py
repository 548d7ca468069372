"""What verl accepts in a config and does something else with than it says; found before anything starts.

verl 0.9.1: a colocated reward model is given prompts and answers only (trainer/ppo/v1/trainer_base.py,
`_compute_reward_colocate`); the `remote` manager asserts a plain function; GDPO's several rewards are read by the
older trainer only (trainer/ppo/ray_trainer.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf import DictConfig

from reward_fn.adapters.verl.dead_keys import dead_keys
from reward_fn.adapters.verl.grouping import group_problems
from reward_fn.adapters.verl.settings import MANAGER, OURS, Settings
from reward_fn.loading import RewardConfigError

_FUNCTION = "reward.custom_reward_function"
_PLAIN = "compute_score_sync"
_LOOPS = "GalleryAgentLoopManager"


def check_config(config: DictConfig, settings: Settings) -> None:
    """Refuse a config whose reward would not be what it says.

    Args:
        config: verl's config, with our function in `reward.custom_reward_function`.
        settings: What its `reward_kwargs` say.

    Raises:
        RewardConfigError: Something is wrong; each problem names its key and its fix.
    """
    dead = [(key, f"{what}; {fix}") for key, what, fix in dead_keys(config)]
    if problems := [*dead, *_unfit(config), *_policies(config, settings), *group_problems(config, settings)]:
        raise RewardConfigError(problems)


def _unfit(config: DictConfig) -> Iterator[tuple[str, str]]:
    model, manager = config.reward.reward_model, config.reward.reward_manager
    if model.enable and not model.enable_resource_pool:
        yield (
            "reward.reward_model.enable",
            "beside the policy it is scored without ground truth; write reward.reward_model.enable_resource_pool=true",
        )
    if (
        manager.source == "register"
        and manager.name == "remote"
        and config.reward.custom_reward_function.name != _PLAIN
    ):
        yield f"{_FUNCTION}.name", f"verl's remote manager takes plain functions only; write {_PLAIN}"
    if (
        _LOOPS in str(config.actor_rollout_ref.rollout.agent.get("agent_loop_manager_class"))
        and not config.trainer.use_v1
    ):
        key = "actor_rollout_ref.rollout.agent.agent_loop_manager_class"
        yield key, f"{_LOOPS} is for the V1 trainer; write null, or trainer.use_v1=true"
    if config.algorithm.adv_estimator == "gdpo" and config.trainer.use_v1:
        yield "algorithm.adv_estimator", "the V1 trainer carries one reward, and GDPO needs several; write grpo"


def _policies(config: DictConfig, settings: Settings) -> Iterator[tuple[str, str]]:
    mode, size = config.trainer.v1.trainer_mode, config.data.get("gen_batch_size")
    # A group is replaced by the next prompt, so verl has to fetch prompts one by one.
    if settings.on_failure == "group_mean" and config.algorithm.adv_estimator == "gae":
        told = "a critic learns each answer's own reward, and the mean of others is none"
        yield f"{_FUNCTION}.reward_kwargs.on_failure", f"{told}; write drop_group or raise"
    if config.reward.reward_manager.name != MANAGER:
        for key in settings.manager_only:
            fix = f"{{source: importlib, name: {MANAGER}, module: {{path: {OURS}}}}}"
            yield f"{_FUNCTION}.reward_kwargs.{key}", f"needs our manager; write reward.reward_manager={fix}"
    if settings.on_failure == "drop_group" and mode == "sync" and size != 1:
        yield "data.gen_batch_size", "is not 1, and on_failure=drop_group replaces single groups; write 1"
