"""A reward manager for verl that knows more of an answer than a function does.

reward:
  reward_manager:
    source: importlib
    name: GalleryRewardManager
    module: {path: pkg://reward_fn.adapters.verl}

It reads the same `reward.custom_reward_function.reward_kwargs` as `compute_score`, which stands beside it in a config.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from omegaconf import DictConfig, OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from reward_fn.adapters.rows import Row, plain
from reward_fn.adapters.verl.grouping import Grouping, cohort_of, group_problems
from reward_fn.adapters.verl.measured import met
from reward_fn.adapters.verl.sample_log import SampleLog
from reward_fn.adapters.verl.scorer import Scored, scorer_of
from reward_fn.adapters.verl.settings import OURS, Constant
from reward_fn.base import final_answer, prompt_opens_thought
from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.loading import RewardConfigError
from reward_fn.schema import RewardError, RewardResult

_TAIL = 16
"""Tokens at the end of a prompt that are looked at: more than a chat template writes after the last message."""
_NO_STEP = 0
"""The step of samples that verl gives none, as in the deprecated trainer."""


class GalleryRewardManager(RewardManagerBase):  # type: ignore[misc]
    """Scores answers with their conversation, marks those that were cut off, and keeps what was said of them.

    Raises:
        RewardConfigError: The config describes no reward.
    """

    def __init__(
        self,
        config: DictConfig,
        tokenizer: Any,  # noqa: ANN401 - whatever the model has
        compute_score: object,
        reward_router_address: str | None = None,
        reward_model_tokenizer: object = None,
    ) -> None:
        super().__init__(config, tokenizer, compute_score)
        function = config.reward.custom_reward_function
        if function.path != OURS:
            told = f"this manager scores by {OURS} and would not call it; write {OURS}, or choose verl's own manager"
            raise RewardConfigError([("reward.custom_reward_function.path", f"is {function.path}; {told}")])
        self._scorer = scorer_of(function.get("reward_kwargs") or {})
        if self._scorer.settings.on_failure == "group_mean" and not _has_our_sampler(config):
            told = (
                f"the means are the sampler's work; write trainer.v1.sampler.custom_sampler.path={OURS}, and its name"
            )
            raise RewardConfigError([("reward.custom_reward_function.reward_kwargs.on_failure", told)])
        self._longest = int(config.actor_rollout_ref.rollout.response_length)
        log = self._scorer.settings.log
        self._log = SampleLog(log) if log else None
        self._grouping = Grouping(config, self._scorer.settings.group)
        if problems := list(group_problems(config, self._scorer.settings)):
            raise RewardConfigError(problems)
        self._cohort = cohort_of(config, self._scorer.settings)
        self._marks = frozenset(_special_marks(tokenizer))

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Score the last of verl's rows: of an answer in several turns, that is all of it.

        Returns:
            `reward_score`, and in `reward_extra_info` the numbers of `Scored.numbers` and `truncated` (0 or 1: the
            answer is as long as it may be, and has no end).

        Raises:
            RewardError: There is no score, and the policy is to raise or to drop the group.
        """
        ids = self._answer_ids(data)
        fields = {name: values[-1] for name, values in data.non_tensor_batch.items()}
        tail = _prompt_ids(data, fields)[-_TAIL:]
        text, opened = await self.loop.run_in_executor(
            None, lambda: (self._decoded(ids), prompt_opens_thought(self.tokenizer.decode(tail)))
        )
        prompt = plain(fields.get("raw_prompt"))
        row = Row(
            data_source=fields["data_source"],
            answer=text,
            ground_truth=fields["reward_model"].get("ground_truth"),
            extra_info=_extra_info(fields),
            prompt=prompt,
            thought_opened=opened,
        )
        truncated = len(ids) >= self._longest and int(ids[-1]) != self.tokenizer.eos_token_id
        try:
            scored = await self._scored(row, fields)
        except RewardError as error:
            self._note(fields, row, truncated, {"failure": [error.failure.kind.value, error.failure.detail]})
            raise
        numbers = self._numbers(scored, truncated=truncated)
        self._note(fields, row, truncated, _said(scored, numbers))
        return {"reward_score": numbers["score"], "reward_extra_info": numbers}

    async def _scored(self, row: Row, fields: dict[str, Any]) -> Scored:
        if self._cohort is None or not self._scorer.compares(row):
            return await self._scorer.score(row)
        return await self._scorer.score_by(row, self._compared(self._cohort, row, fields))

    async def _compared(self, cohort: ClusterCohort[Row], row: Row, fields: dict[str, Any]) -> RewardResult:
        group = self._grouping.of(row, *(str(fields.get(key)) for key in ("uid", "session_id", "global_steps")))
        if group.size == 1:
            return await self._scorer.lone(row)
        try:
            return met(await cohort.join(*group, row))
        except RewardError as error:
            return met(RewardResult.failed("", error.failure))

    def _answer_ids(self, data: DataProto) -> Any:  # noqa: ANN401 - a tensor
        responses = data.batch["responses"][-1]
        length = int(data.batch["attention_mask"][-1][-responses.shape[-1] :].sum())
        return responses[:length]

    def _decoded(self, ids: Any) -> str:  # noqa: ANN401 - a tensor
        """Return the text of tokens without special tokens, but for those that are marks of thoughts."""
        if not self._marks:
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        runs = groupby(ids.tolist(), self._marks.__contains__)
        return "".join(self.tokenizer.decode(list(run), skip_special_tokens=not marks) for marks, run in runs)

    def _numbers(self, scored: Scored, *, truncated: bool) -> dict[str, float]:
        policy = self._scorer.settings.on_truncated
        instead = {"score": policy.constant} if truncated and isinstance(policy, Constant) else {}
        return scored.numbers | instead | {"truncated": float(truncated)}

    def _note(self, fields: dict[str, Any], row: Row, truncated: bool, said: dict[str, Any]) -> None:
        if self._log is None:
            return
        step = fields.get("global_steps")
        known = {
            "uid": str(fields.get("uid", "")),
            "session": int(fields.get("session_id", 0)),
            "data_source": row.data_source,
            "prompt": row.prompt,
            "answer": row.answer,
            "ground_truth": plain(row.ground_truth),
            "truncated": truncated,
            "thought_opened": row.thought_opened,
            "versions": self._scorer.versions(row),
        }
        self._log.write(_NO_STEP if step is None else int(step), known | said)


def _special_marks(tokenizer: Any) -> Iterable[int]:  # noqa: ANN401
    """Yield the special tokens of a tokenizer that are marks of thoughts.

    Qwen3 and the models distilled from DeepSeek-R1 have `<think>` and `</think>` as added tokens that are not special,
    so decoding with `skip_special_tokens=True`, as verl does, keeps them. Where such marks are special tokens, that
    would leave the thought in the text, and nothing would tell it from the answer. verl's rollout dumps are written so.
    """
    for number, token in getattr(tokenizer, "added_tokens_decoder", {}).items():
        text = f"a{token.content}b"
        if token.special and final_answer(text) != text:
            yield number


def _prompt_ids(data: DataProto, fields: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a tensor
    """Return the prompt's tokens without padding.

    The V1 trainer's agent loop pads prompts to the right and says how long they are; all else pads with a mask.
    """
    prompt = data.batch["prompts"][-1]
    length = fields.get("prompt_len")
    if length is not None:
        return prompt[: int(length)]
    return prompt[data.batch["attention_mask"][-1][: len(prompt)].bool()]


def _extra_info(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row's `extra_info` with what verl's own managers add: the turns, and what tools have left."""
    known = {**(fields.get("extra_info") or {}), **(fields.get("tool_extra_fields") or {})}
    turns = fields.get("__num_turns__")
    return known if turns is None else known | {"num_turns": int(turns)}


def _has_our_sampler(config: DictConfig) -> bool:
    return bool(config.trainer.use_v1) and OmegaConf.select(config, "trainer.v1.sampler.custom_sampler.path") == OURS


def _said(scored: Scored, numbers: dict[str, float]) -> dict[str, Any]:
    failure = scored.result.failure
    return {
        "numbers": numbers,
        "reasons": {part.name: part.reason for part in scored.result.details if part.reason},
        "failure": None if failure is None else [failure.kind.value, failure.detail],
    }
