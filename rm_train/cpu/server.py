"""The `hf_cpu` rollout server: a Ray actor that answers verl's token-in, token-out requests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from omegaconf import DictConfig
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import RolloutConfig
from verl.workers.rollout.replica import TokenOutput

from rm_train.cpu import attention
from rm_train.cpu.generation import BatchGenerator, Request
from rm_train.cpu.memory import available_and_total
from rm_train.cpu.sampling import SamplingParams
from rm_train.cpu.scheduler import Scheduler
from rm_train.cpu.weights import AdapterLoader, WeightLoader

THREADS_VARIABLE = "RM_TRAIN_CPU_THREADS"
"""Environment variable: threads that a rollout server computes with; by default its share of the node's cores."""


def _eos_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the tokens that end a sequence, by the model's generation config and by its tokenizer."""
    configured = model.generation_config.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    return {token for token in [*several, tokenizer.eos_token_id] if token is not None}


class RolloutServer:
    """Serves one copy of the policy.

    Args:
        config: verl's rollout config.
        model_config: verl's model config, before it is made a `HFModelConfig`.
        replica_rank: The number of this copy; it varies the seed.
        replicas_on_node: The number of copies that share the node's cores and memory.
    """

    def __init__(
        self, config: RolloutConfig, model_config: DictConfig, replica_rank: int, replicas_on_node: int = 1
    ) -> None:
        hf = omega_conf_to_dataclass(model_config)
        self._config = config
        attention.register()
        model = AutoModelForCausalLM.from_pretrained(
            hf.local_path,
            dtype=torch.float32,
            attn_implementation=attention.NAME,
            trust_remote_code=hf.trust_remote_code,
        ).eval()
        self._model, self._weights = model, WeightLoader(model)
        self._generator = BatchGenerator(
            model,
            _eos_tokens(model, hf.tokenizer),
            config.seed + replica_rank,
            config.max_num_batched_tokens,
            hf.tokenizer.decode,
        )
        available, _ = available_and_total()
        memory = available * config.gpu_memory_utilization / replicas_on_node
        threads = int(os.environ.get(THREADS_VARIABLE, 0)) or max(1, (os.cpu_count() or 1) // replicas_on_node)
        self._scheduler = Scheduler(
            self._generator,
            max_sequences=config.max_num_seqs,
            max_cached_tokens=int(memory / self._generator.bytes_per_token),
            initialize_thread=lambda: torch.set_num_threads(threads),
        )
        self._open = asyncio.Event()
        self._open.set()
        self._rejecting = False

    async def start(self) -> None:
        """Start answering; requests that came before are answered too."""
        self._scheduler.start()

    async def shutdown(self) -> None:
        """Stop for good: end the running requests early and turn others away."""
        self._open.clear()
        self._rejecting = True
        await self._scheduler.close()

    async def generate(
        self,
        prompt_ids: Sequence[int],
        sampling_params: dict[str, Any],
        request_id: str,
        image_data: object = None,
        video_data: object = None,
        mm_processor_output: object = None,
    ) -> TokenOutput:
        """Continue a prompt.

        Args:
            prompt_ids: The tokens of the prompt.
            sampling_params: See `SamplingParams`.
            request_id: Not used: every request stands for itself.
            image_data: Not supported.
            video_data: Not supported.
            mm_processor_output: Goes with images and videos.

        Raises:
            ValueError: If the request asks for something that is not supported, or its prompt is empty or too long.
            RuntimeError: If the server has been told to turn requests away.
        """
        if image_data or video_data:
            raise ValueError("the hf_cpu rollout generates from text only")
        if not len(prompt_ids):
            raise ValueError("a prompt must have at least one token")
        config = self._config
        longest = config.max_model_len or config.prompt_length + config.response_length
        if len(prompt_ids) >= longest:
            raise ValueError(f"a prompt of {len(prompt_ids)} tokens leaves no room: a sequence may have {longest}")
        limit = min(config.response_length, longest - len(prompt_ids))
        params = SamplingParams.from_request(sampling_params, max_tokens=limit, ignore_eos=config.ignore_eos)
        if not self._rejecting:
            await self._open.wait()
        if self._rejecting:
            raise RuntimeError("this rollout server turns requests away until its generation is resumed")
        completion = await self._scheduler.complete(Request(tuple(prompt_ids), params))
        return TokenOutput(
            token_ids=completion.tokens,
            log_probs=completion.log_probs if params.logprobs else None,
            stop_reason=completion.stop_reason,
            extra_fields={"global_steps": completion.epoch if completion.tokens else self._generator.epoch},
        )

    async def load_weights(
        self,
        tensors: Sequence[tuple[str, torch.Tensor]],
        *,
        first: bool,
        last: bool,
        version: int | None,
        peft_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Receive some of the policy's new weights, and switch to them once the last have come.

        Args:
            tensors: Names and values.
            first: Whether an update begins with these; what is left of one that broke off is forgotten.
            last: Whether the update ends with these.
            version: The training step that the weights are of.
            peft_config: The tensors are adapters of this kind, for the model that the server has read.
        """
        if peft_config is not None and not isinstance(self._weights, AdapterLoader):
            await self._scheduler.when_idle(lambda: self._take_adapters(peft_config))
        self._weights.stage(tensors, first=first)
        if last:
            await self._scheduler.when_idle(lambda: self._switch(version))

    def _take_adapters(self, peft_config: Mapping[str, Any]) -> None:
        self._weights = AdapterLoader(self._model, peft_config)

    def _switch(self, version: int | None) -> None:
        self._weights.commit()
        if version is not None:
            # What is drawn is a function of the step, so a run that was interrupted goes on with the same draws.
            self._generator.begin_epoch(version)

    async def abort_all_requests(self, reject_request: bool = False) -> None:
        """End all requests with what they have got and hold later ones until `resume_generation`.

        Args:
            reject_request: Turn later requests away instead of holding them.
        """
        self._open.clear()
        self._rejecting = reject_request
        await self._scheduler.abort_all()

    async def resume_generation(self) -> None:
        """Take requests again."""
        self._rejecting = False
        self._open.set()

    async def _nothing(self, **kwargs: object) -> None:
        """Do nothing: verl frees an accelerator's memory; here nothing outlives a batch but the weights."""

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = start_profile = stop_profile = _nothing
