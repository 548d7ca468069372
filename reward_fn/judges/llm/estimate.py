"""How many tokens a request will take: a guess that learns from the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CHARACTERS_PER_TOKEN = 4.0
_ANSWER_TOKENS = 512.0
"""The first guesses, of English texts and judges that give a reason."""
_LEARNS = 0.1
"""The weight of the newest answer in the averages."""


class TokenEstimate:
    """Guesses the tokens of a client's requests, from the lengths of their texts and the answers before."""

    def __init__(self) -> None:
        self._characters_per_token = _CHARACTERS_PER_TOKEN
        self._answer = _ANSWER_TOKENS

    def of(self, body: Mapping[str, Any]) -> int:
        """Return the tokens that a request is thought to take, of question and answer; at least 1."""
        answer = min(self._answer, body.get("max_tokens") or self._answer)
        return max(1, round(characters(body) / self._characters_per_token + answer))

    def learn(self, body: Mapping[str, Any], prompt_tokens: int, completion_tokens: int) -> None:
        """Learn what a request took."""
        if prompt_tokens:
            ratio = characters(body) / prompt_tokens
            self._characters_per_token += _LEARNS * (max(ratio, 0.1) - self._characters_per_token)
            self._answer += _LEARNS * (completion_tokens - self._answer)


def characters(body: Mapping[str, Any]) -> int:
    """Return how long the texts of a request are together."""
    return sum(len(text) for message in body["messages"] if isinstance(text := message.get("content"), str))
