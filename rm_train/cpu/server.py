"""The `hf_cpu` rollout server: a Ray actor that answers verl's token-in, token-out requests in batches.

One thread does all that touches the model, one thing at a time: a batch, or a change of weights. So new weights wait
for the batch that is running, and no batch ever sees half of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

import torch
from omegaconf import DictConfig
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import RolloutConfig
from verl.workers.rollout.replica import TokenOutput

from rm_train.cpu import attention
from rm_train.cpu.generation import BatchGenerator, Completion, Request
from rm_train.cpu.sampling import SamplingParams
from rm_train.cpu.weights import WeightLoader

THREADS_VARIABLE = "RM_TRAIN_CPU_THREADS"
"""Environment variable: threads that a rollout server computes with; all cores when it is not set."""

ARRIVAL_PAUSE_S = 0.03
"""A batch starts when no request has come for this long.

Agent loops send all requests of a step nearly at once, and a batch of a few stragglers costs far more than this."""

logger = logging.getLogger(__name__)
logger.setLevel(os.getenv("VERL_LOGGING_LEVEL", "WARN"))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that is not in a batch yet, and where its caller waits."""

    request: Request
    answer: asyncio.Future[TokenOutput]


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
    """

    def __init__(self, config: RolloutConfig, model_config: DictConfig, replica_rank: int) -> None:
        hf = omega_conf_to_dataclass(model_config)
        self._config = config
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hf_cpu", initializer=_set_threads)
        attention.register()
        model = AutoModelForCausalLM.from_pretrained(
            hf.local_path,
            dtype=torch.float32,
            attn_implementation=attention.NAME,
            trust_remote_code=hf.trust_remote_code,
        ).eval()
        self._weights = WeightLoader(model)
        self._generator = BatchGenerator(
            model, _eos_tokens(model, hf.tokenizer), config.seed + replica_rank, config.max_num_batched_tokens
        )
        self._queue: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._rejecting = False
        self._abort = Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._dispatcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start answering; requests that came before are answered too."""
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._dispatch())

    async def shutdown(self) -> None:
        """Stop for good: end the running batch early and give up on requests that are waiting."""
        await self.abort_all_requests(reject_request=True)
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        self._executor.shutdown()

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
            ValueError: If the request asks for something that is not supported, or its prompt is too long.
            RuntimeError: If the server has been told to turn requests away.
        """
        if image_data or video_data:
            raise ValueError("the hf_cpu rollout generates from text only")
        config = self._config
        longest = config.max_model_len or config.prompt_length + config.response_length
        if len(prompt_ids) >= longest:
            raise ValueError(f"a prompt of {len(prompt_ids)} tokens leaves no room: a sequence may have {longest}")
        limit = min(config.response_length, longest - len(prompt_ids))
        params = SamplingParams.from_request(sampling_params, max_tokens=limit, ignore_eos=config.ignore_eos)
        if self._rejecting:
            raise RuntimeError("this rollout server turns requests away until its generation is resumed")
        await self._open.wait()
        waiting = _Waiting(Request(tuple(prompt_ids), params), asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def _dispatch(self) -> None:
        """Answer requests batch by batch, for ever."""
        while True:
            await self._arrived.wait()
            await self._arrivals_to_pause()
            batch, self._queue = self._queue[: self._config.max_num_seqs], self._queue[self._config.max_num_seqs :]
            if not self._queue:
                self._arrived.clear()
            if batch:
                await self._answer(batch)

    async def _arrivals_to_pause(self) -> None:
        seen = -1
        while seen != len(self._queue) < self._config.max_num_seqs:
            seen = len(self._queue)
            await asyncio.sleep(ARRIVAL_PAUSE_S)

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        """Generate for a batch and give each caller its completion, or the exception that generating raised."""
        self._idle.clear()
        requests = [waiting.request for waiting in batch]
        running = asyncio.ensure_future(self._in_model_thread(lambda: self._generate(requests)))
        await asyncio.wait([running])
        self._idle.set()
        error = running.exception()
        for index, waiting in enumerate(batch):
            if waiting.answer.cancelled():
                continue
            if error is not None:
                waiting.answer.set_exception(error)
            else:
                waiting.answer.set_result(running.result()[index])

    def _generate(self, requests: Sequence[Request]) -> list[TokenOutput]:
        start = time.perf_counter()
        completions = self._generator.generate(requests, self._abort)
        version = self._weights.version
        tokens, seconds = sum(len(c.tokens) for c in completions), time.perf_counter() - start
        logger.info("%d sequences, %d new tokens, %.3f s, weights of step %s", len(requests), tokens, seconds, version)
        return [_output(r, c, version) for r, c in zip(requests, completions, strict=True)]

    async def _in_model_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def load_weights(
        self, tensors: Sequence[tuple[str, torch.Tensor]], *, first: bool, last: bool, version: int | None
    ) -> None:
        """Receive some of the policy's new weights, and switch to them once the last have come.

        Args:
            tensors: Names and values.
            first: Whether an update begins with these; what is left of one that broke off is forgotten.
            last: Whether the update ends with these.
            version: The training step that the weights are of.
        """
        self._weights.stage(tensors, first=first)
        if last:
            await self._in_model_thread(lambda: self._weights.commit(version))

    async def abort_all_requests(self, reject_request: bool = False) -> None:
        """End all requests with what they have got and hold later ones until `resume_generation`.

        Args:
            reject_request: Turn later requests away instead of holding them.
        """
        self._open.clear()
        self._rejecting = reject_request
        waiting, self._queue = self._queue, []
        for one in waiting:
            if not one.answer.cancelled():
                one.answer.set_result(_output(one.request, Completion([], [], "aborted"), self._weights.version))
        self._abort.set()
        await self._idle.wait()

    async def resume_generation(self) -> None:
        """Take requests again."""
        self._abort.clear()
        self._rejecting = False
        self._open.set()

    async def _nothing(self, **kwargs: object) -> None:
        """Do nothing: verl frees an accelerator's memory; here nothing outlives a batch but the weights."""

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = start_profile = stop_profile = _nothing


def _set_threads() -> None:
    torch.set_num_threads(int(os.environ.get(THREADS_VARIABLE, 0)) or os.cpu_count() or 1)


def _output(request: Request, completion: Completion, version: int | None) -> TokenOutput:
    return TokenOutput(
        token_ids=completion.tokens,
        log_probs=completion.log_probs if request.params.logprobs else None,
        stop_reason=completion.stop_reason,
        extra_fields={"global_steps": version},
    )
