"""Batch sizes and parallel sizes that must divide one another, and the nearest ones that do.

The rules are verl 0.9.1's own, most of them asserted only after minutes, inside a worker: utils/config.py
(`validate_config`), workers/engine_workers.py (`train_mini_batch`, the rollout's device mesh), workers/engine/utils.py
(`prepare_micro_batches`), workers/rollout/replica.py, models/transformers/monkey_patch.py.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

from omegaconf import DictConfig, OmegaConf

from rm_train.launch.checks.model_files import ModelFiles, model_folder
from rm_train.launch.checks.problem import Problem, warning
from rm_train.launch.checks.verl_rules import uses_critic, uses_reference

_ACTOR = "actor_rollout_ref.actor"
_ROLLOUT = "actor_rollout_ref.rollout"
_CRITIC = "critic"
_BATCH = "data.train_batch_size"
_TENSOR_PARALLEL = f"{_ROLLOUT}.tensor_model_parallel_size"
_SEQUENCE_PARALLEL = f"{_ACTOR}.ulysses_sequence_parallel_size"
_GPUS, _NODES, _SAMPLES = "trainer.n_gpus_per_node", "trainer.nnodes", f"{_ROLLOUT}.n"


def size_problems(config: DictConfig) -> list[Problem]:
    """Find sizes that do not fit together. Other engines than FSDP have rules of their own, which verl checks."""
    if not str(config.actor_rollout_ref.actor.strategy).startswith("fsdp"):
        return []
    sizes = _Sizes(config)
    problems = [*sizes.batches(), *sizes.log_probs(), *sizes.parallel()]
    folder = model_folder(str(config.actor_rollout_ref.model.path))
    return problems + (sizes.heads(ModelFiles(folder)) if folder else [])


def nearest_fitting(value: int, fits: Callable[[int], bool], largest: int) -> str:
    """Return the nearest numbers below and above a value that fit, as a text; "another value" if there is none."""
    below = next((number for number in range(value - 1, 0, -1) if fits(number)), None)
    above = next((number for number in range(value + 1, largest + 1) if fits(number)), None)
    return " or ".join(str(number) for number in (below, above) if number is not None) or "another value"


class _Sizes:
    """The sizes of a config whose needed ones are whole numbers."""

    def __init__(self, config: DictConfig) -> None:
        self._config = config
        self._batch, self._samples = self._get(_BATCH), self._get(_SAMPLES)
        self._gpus, self._nodes = self._get(_GPUS), self._get(_NODES)
        self._world = self._gpus * self._nodes
        self._sequence_parallel = self._get(_SEQUENCE_PARALLEL) or 1
        self._dynamic = bool(config.actor_rollout_ref.actor.use_dynamic_bsz)

    def _get(self, key: str) -> int:
        value = OmegaConf.select(self._config, key)
        return value if type(value) is int else 0

    def batches(self) -> list[Problem]:
        """Batch, mini-batches and micro-batches."""
        if self._world % self._sequence_parallel:
            fix = nearest_fitting(self._sequence_parallel, lambda size: self._world % size == 0, self._world)
            return [Problem(_SEQUENCE_PARALLEL, f"{self._sequence_parallel} does not divide the {self._world} workers",
                            f"write {fix}")]  # fmt: skip
        problems = []
        step = self._world // gcd(self._world, self._samples)
        if not self._dynamic and self._batch % step:
            fix = nearest_fitting(self._batch, lambda size: size % step == 0, self._batch + step)
            problems.append(Problem(
                _BATCH, f"{self._batch} prompts x {self._samples} samples cannot be shared by {self._world} workers",
                f"write {fix}"))  # fmt: skip
        problems += self._mini_batch(_ACTOR)
        # A critic takes its sizes from the actor where it is not given its own.
        return problems or (self._mini_batch(_CRITIC) if uses_critic(self._config) else [])

    def _mini_batch(self, part: str) -> list[Problem]:
        """Mini-batch and micro-batch of the actor or the critic."""
        mini_key, micro_key = f"{part}.ppo_mini_batch_size", f"{part}.ppo_micro_batch_size_per_gpu"
        mini, micro = self._get(mini_key), self._get(micro_key)
        workers = max(1, self._world // (self._get(f"{part}.ulysses_sequence_parallel_size") or 1))
        samples = mini * self._samples
        if not 0 < mini <= self._batch:
            return [Problem(mini_key, f"is {mini}, and {_BATCH} is {self._batch}", f"write 1 to {self._batch}")]
        if samples % workers:
            fix = nearest_fitting(mini, lambda size: size * self._samples % workers == 0, mini + workers)
            return [Problem(mini_key, f"{mini} prompts x {self._samples} samples cannot be shared by {workers} "
                            "data-parallel workers evenly", f"write {fix}")]  # fmt: skip
        if self._batch % mini:
            fix = nearest_fitting(mini, lambda size: self._batch % size == 0, self._batch)
            return [warning(mini_key, f"{mini} does not divide {_BATCH} ({self._batch}), so verl fills the last "
                            "mini-batch with empty rows", f"write {fix}")]  # fmt: skip
        each = samples // workers
        if OmegaConf.select(self._config, f"{part}.use_dynamic_bsz") or not micro or each % micro == 0:
            return []
        fix = nearest_fitting(micro, lambda size: each % size == 0, each)
        return [Problem(micro_key, f"{micro} does not divide the {each} samples of a mini-batch on each worker",
                        f"write {fix}")]  # fmt: skip

    def log_probs(self) -> list[Problem]:
        """Micro-batches of the log-probabilities that are computed again, and of a reference model."""
        correction = self._config.algorithm.get("rollout_correction") or {}
        parts = [] if correction.get("bypass_mode") else [_ROLLOUT]
        parts += ["actor_rollout_ref.ref"] if uses_reference(self._config) else []
        workers = max(1, self._world // self._sequence_parallel)
        each = self._batch * self._samples // workers
        problems = []
        for key in (f"{part}.log_prob_micro_batch_size_per_gpu" for part in parts):
            micro = self._get(key)
            if self._dynamic or not micro or self._batch * self._samples % workers or each % micro == 0:
                continue
            fix = nearest_fitting(micro, lambda size: each % size == 0, each)
            problems.append(Problem(key, f"{micro} does not divide the {each} samples of a batch on each worker",
                                    f"write {fix}"))  # fmt: skip
        return problems

    def parallel(self) -> list[Problem]:
        """Rollout replicas and FSDP groups over the GPUs."""
        problems = []
        tensor = self._get(_TENSOR_PARALLEL)
        others = max(
            1, self._get(f"{_ROLLOUT}.data_parallel_size") * self._get(f"{_ROLLOUT}.pipeline_model_parallel_size")
        )
        replica = tensor * others
        if self._world % replica or replica % min(self._gpus, replica):
            fix = nearest_fitting(tensor, lambda size: self._gpus % (size * others) == 0, self._gpus)
            problems.append(Problem(_TENSOR_PARALLEL, f"replicas of {replica} GPUs do not divide {self._nodes} x "
                                    f"{self._gpus} GPUs evenly", f"write {fix}"))  # fmt: skip
        group_key = f"{_ACTOR}.fsdp_config.fsdp_size"
        group = self._get(group_key)
        if 0 < group < self._world and self._world % group:
            fix = nearest_fitting(group, lambda size: self._world % size == 0, self._world)
            problems.append(Problem(group_key, f"{group} does not divide the {self._world} workers", f"write {fix}"))
        return problems

    def heads(self, files: ModelFiles) -> list[Problem]:
        """Attention heads over tensor-parallel and sequence-parallel GPUs."""
        heads = files.number("num_attention_heads")
        if heads is None:
            return []
        problems = []
        for key in (_TENSOR_PARALLEL, _SEQUENCE_PARALLEL):
            size = self._get(key) or 1
            if heads % size:
                fix = nearest_fitting(size, lambda other: heads % other == 0 and self._world % other == 0, self._world)
                problems.append(
                    Problem(key, f"{size} does not divide the model's {heads} attention heads", f"write {fix}")
                )
        return problems
