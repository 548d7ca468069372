"""How verl starts `hf_cpu` rollout servers and sends them the policy's weights."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from functools import partial
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from torch.distributed.device_mesh import DeviceMesh
from verl.workers.config import HFModelConfig, RolloutConfig
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica
from verl.workers.rollout.utils import ensure_async_iterator

from rm_train.cpu.server import RolloutServer


def _server_name(replica_rank: int, suffix: str = "") -> str:
    return f"hf_cpu_server_{replica_rank}{suffix}"


class HfCpuReplica(RolloutReplica):  # type: ignore[misc]
    """One rollout server, on the node of the trainer's worker that sends it weights."""

    async def launch_servers(self) -> None:
        """Start the server and wait until it can answer.

        Raises:
            ValueError: If the config asks for a server that spans several workers.
        """
        if self.world_size != 1:
            raise ValueError(
                "the hf_cpu rollout needs actor_rollout_ref.rollout.{tensor_model,data,pipeline_model}_parallel_size=1"
            )
        node = await self.workers[0].__ray_call__.remote(lambda _: ray.get_runtime_context().get_node_id())
        name = _server_name(self.replica_rank, self.name_suffix)
        server = (
            ray.remote(RolloutServer)
            .options(
                name=name,
                max_concurrency=self.max_concurrency,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
            )
            .remote(self.config, self.model_config, self.replica_rank, replicas_on_node=self.gpus_per_node)
        )
        await server.start.remote()
        self.servers, self._server_handle = [server], server
        # There is no HTTP endpoint; verl's load balancer needs a key for the server.
        self._server_address = name


class ServerAdapter(BaseRollout):  # type: ignore[misc]
    """The trainer's side of a rollout: lives in its workers and ships their weights."""

    def __init__(
        self,
        config: RolloutConfig,
        model_config: HFModelConfig,
        device_mesh: DeviceMesh | None,
        replica_rank: int = -1,
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        self.replica_rank = int(os.environ["RANK"]) if replica_rank == -1 else replica_rank
        self.is_leader_rank = True

    async def resume(self, tags: list[str]) -> None:
        """Do nothing: the server has released nothing."""

    async def release(self) -> None:
        """Do nothing: there is no accelerator's memory to release."""

    @torch.no_grad()
    async def update_weights(
        self,
        weights: Iterable[tuple[str, torch.Tensor]] | AsyncIterable[tuple[str, torch.Tensor]],
        global_steps: int | None = None,
        wire_format: str = "named_tensors",
        peft_config: Mapping[str, Any] | None = None,
        base_sync_done: bool = True,
        **kwargs: object,
    ) -> None:
        """Send all weights in parts of a bounded size; the server switches to them when it has them all.

        Args:
            weights: Names and values: of the whole model, or of its LoRA adapters.
            global_steps: The training step that they are of.
            wire_format: How verl has packed them.
            peft_config: What kind of adapters they belong to; None where there are none.
            base_sync_done: Whether these are the adapters; else they are the model beneath, which the server has read.
            kwargs: Not used.

        Raises:
            NotImplementedError: If the weights are differences instead of values.
        """
        if wire_format != "named_tensors":
            raise NotImplementedError(f"the hf_cpu rollout takes weights as named_tensors, not as {wire_format}")
        if not base_sync_done:
            return
        limit = self.config.checkpoint_engine.update_weights_bucket_megabytes << 20
        server = ray.get_actor(_server_name(self.replica_rank))
        send = partial(server.load_weights.remote, version=global_steps, peft_config=peft_config)
        part: list[tuple[str, torch.Tensor]] = []
        size, first = 0, True
        # Every rank walks all weights: gathering one is a collective operation.
        async for name, tensor in ensure_async_iterator(weights):
            if part and size + tensor.nbytes > limit:
                await send(part, first=first, last=False)
                part, size, first = [], 0, False
            part.append((name, tensor.detach()))
            size += tensor.nbytes
        await send(part, first=first, last=True)
