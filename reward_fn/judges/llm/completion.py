"""What an endpoint answered, read strictly: an answer that cannot be used is a typed failure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from reward_fn.base.final_answer import final_answer
from reward_fn.schema import FailureKind, RewardError


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """One token of an answer, and how likely it and its rivals were.

    Attributes:
        token: Its text.
        top: Natural logarithms of the probabilities of the most likely tokens in its place.
    """

    token: str
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    Attributes:
        text: The final answer, without what the model thought.
        reasoning: What it thought, where the server keeps that apart or the text has it in `<think>`.
        model: The model's name, as the server says it.
        prompt_tokens: Tokens of the question, as the server counts them.
        completion_tokens: Tokens of the answer and of the thought.
        logprobs: The tokens, those of the thought too, if they were asked for and the server gives them.
        cached: Whether it comes from the cache.
    """

    text: str
    reasoning: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    logprobs: tuple[TokenLogprobs, ...] = ()
    cached: bool = False

    def to_json(self) -> bytes:
        """Return what the cache keeps of it."""
        tokens = [[one.token, one.top] for one in self.logprobs]
        return json.dumps([self.text, self.reasoning, self.model, tokens]).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Completion:
        """Return a completion from the cache; its tokens were paid for before and are not counted again."""
        text, reasoning, model, tokens = json.loads(content)
        logprobs = tuple(TokenLogprobs(token, tuple((rival, value) for rival, value in top)) for token, top in tokens)
        return cls(text, reasoning, model, logprobs=logprobs, cached=True)


def read_completion(content: bytes) -> Completion:
    """Read the body of a response of OpenAI's chat completions.

    Raises:
        RewardError: It is none (SERVER_ERROR), or what it holds cannot be used: REFUSAL, TRUNCATED or EMPTY.
    """
    try:
        body = json.loads(content)
        choice = body["choices"][0]
        message = choice["message"]
        whole = str(message.get("content") or "")
        tokens = body.get("usage") or {}
        counts = int(tokens.get("prompt_tokens") or 0), int(tokens.get("completion_tokens") or 0)
        reason = choice.get("finish_reason")
        apart = message.get("reasoning_content") or message.get("reasoning") or ""
        logprobs = _logprobs(choice.get("logprobs"))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        detail = f"the response is no chat completion ({type(error).__name__}: {error}): {content[:200]!r}"
        raise RewardError(FailureKind.SERVER_ERROR, detail, retriable=True) from None
    if message.get("refusal") or reason == "content_filter":
        raise UnusableError(
            FailureKind.REFUSAL, f"the model refused: {str(message.get('refusal') or 'content filter')[:300]}", counts
        )
    text = whole if apart else final_answer(whole)
    if reason == "length" or text is None:
        raise UnusableError(FailureKind.TRUNCATED, f"the answer was cut off after {counts[1]} tokens", counts)
    if not text.strip():
        raise UnusableError(FailureKind.EMPTY, "the answer is empty", counts)
    if text == whole.strip():
        text = whole
    reasoning = apart or whole.rpartition("</think>")[0].partition("<think>")[2]
    return Completion(text, reasoning, str(body.get("model", "")), *counts, logprobs)


class UnusableError(RewardError):
    """An answer that came, and was paid for, but has no verdict to give."""

    def __init__(self, kind: FailureKind, detail: str, tokens: tuple[int, int]) -> None:
        super().__init__(kind, detail, retriable=kind is not FailureKind.REFUSAL)
        self.prompt_tokens, self.completion_tokens = tokens


def _logprobs(found: dict[str, Any] | None) -> tuple[TokenLogprobs, ...]:
    return tuple(
        TokenLogprobs(one["token"], tuple((rival["token"], float(rival["logprob"])) for rival in one["top_logprobs"]))
        for one in (found or {}).get("content") or []
    )
