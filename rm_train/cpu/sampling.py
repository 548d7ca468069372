"""Choosing the next token of many sequences at once, each with its own parameters, and its log-probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

GREEDY_BELOW = 1e-5
"""Temperatures under this are greedy, as in vLLM."""

_NEUTRAL = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "min_p": 0.0, "n": 1}
"""Parameters that agent loops pass along and this sampler knows only at the value that does nothing."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the tokens of one sequence are chosen.

    Attributes:
        max_tokens: The largest number of tokens to generate.
        temperature: Divides the logits; 0 always takes the most likely token.
        top_k: Number of most likely tokens to choose among; 0 or less for all.
        top_p: Probability mass of most likely tokens to choose among.
        logprobs: Whether the caller wants the log-probabilities of the chosen tokens.
        ignore_eos: Whether to go on after the model's own end-of-sequence tokens.
        stop_token_ids: Further tokens that end the sequence.
        stop: Strings that end the sequence as soon as its text has one; the tokens of the string stay.
        seed: Makes what is drawn a function of this number alone.
    """

    max_tokens: int
    temperature: float = 1.0
    top_k: int = -1
    top_p: float = 1.0
    logprobs: bool = False
    ignore_eos: bool = False
    stop_token_ids: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"max_tokens >= 1, temperature >= 0 and 0 < top_p <= 1 must hold, not {self}")
        if "" in self.stop:
            raise ValueError(f"an empty stop string ends nothing: {self.stop}")

    @classmethod
    def from_request(cls, given: Mapping[str, Any], *, max_tokens: int, ignore_eos: bool) -> SamplingParams:
        """Read the parameters of a verl agent loop.

        Args:
            given: The loop's parameters, named as in vLLM or SGLang.
            max_tokens: The limit where the loop gives none, and in any case an upper bound.
            ignore_eos: The value where the loop gives none.

        Raises:
            ValueError: If a parameter would be ignored.
        """
        rest = {key: value for key, value in given.items() if value is not None}
        limits = [int(rest.pop(key)) for key in ("max_tokens", "max_new_tokens") if key in rest]
        logprobs = rest.pop("logprobs", False)
        stop = rest.pop("stop", ())
        params = cls(
            max_tokens=min([max_tokens, *limits]),
            temperature=float(rest.pop("temperature", 1.0)),
            top_k=int(rest.pop("top_k", -1)),
            top_p=float(rest.pop("top_p", 1.0)),
            # vLLM's `logprobs=0` asks for the chosen token's; verl's `logprobs=False` for none.
            logprobs=logprobs is not False,
            ignore_eos=bool(rest.pop("ignore_eos", ignore_eos)),
            stop_token_ids=tuple(rest.pop("stop_token_ids", ())),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            seed=rest.pop("seed", None),
        )
        ignored = {key: value for key, value in rest.items() if key not in _NEUTRAL or _NEUTRAL[key] != value}
        if ignored:
            raise ValueError(f"the hf_cpu rollout does not support the sampling parameters {ignored}")
        return params


class Sampler:
    """Chooses one token for each sequence of a changing batch.

    The log-probabilities are those of the distribution that the token was drawn from: after the temperature, and
    renormalised after top-k and top-p. A greedy row draws from nothing; it gets the model's own log-probability.
    """

    def __init__(self) -> None:
        self._greedy = torch.zeros(0, dtype=torch.bool)
        self._temperature = torch.zeros(0)
        self._top_k = torch.zeros(0, dtype=torch.long)
        self._top_p = torch.zeros(0)

    def join(self, params: Sequence[SamplingParams]) -> None:
        """Add sequences behind the others."""
        temperature = torch.tensor([p.temperature for p in params])
        greedy = temperature < GREEDY_BELOW
        self._greedy = torch.cat([self._greedy, greedy])
        self._temperature = torch.cat([self._temperature, torch.where(greedy, 1.0, temperature)])
        # 0 stands for "all" in both, so that rows without a filter pass through the filter unchanged.
        top_k = torch.tensor([max(p.top_k, 0) for p in params])
        top_p = torch.tensor([p.top_p if p.top_p < 1.0 else 0.0 for p in params])
        self._top_k = torch.cat([self._top_k, top_k.masked_fill(greedy, 0)])
        self._top_p = torch.cat([self._top_p, top_p.masked_fill(greedy, 0.0)])
        self._note_shortcuts()

    def keep(self, order: torch.Tensor) -> None:
        """Keep these rows, in this order."""
        self._greedy, self._temperature = self._greedy[order], self._temperature[order]
        self._top_k, self._top_p = self._top_k[order], self._top_p[order]
        self._note_shortcuts()

    def _note_shortcuts(self) -> None:
        self._any_filter = bool((self._top_k > 0).any() or (self._top_p > 0).any())
        self._any_greedy, self._all_greedy = bool(self._greedy.any()), bool(self._greedy.all())

    def __call__(self, logits: torch.Tensor, uniform: Sequence[float]) -> tuple[list[int], list[float]]:
        """Return the chosen token and its log-probability for each row.

        Args:
            logits: The model's, shaped (rows, vocabulary).
            uniform: For each row a random number from [0, 1), which alone decides what is drawn.
        """
        logits = logits / self._temperature[:, None]
        if self._any_filter:
            logits = self._filter(logits)
        log_probs = logits.log_softmax(-1)
        if self._all_greedy:
            tokens = log_probs.argmax(-1)
        else:
            tokens = _draw(log_probs, torch.tensor(uniform, dtype=torch.float64))
            if self._any_greedy:
                tokens = torch.where(self._greedy, log_probs.argmax(-1), tokens)
        return tokens.tolist(), log_probs.gather(-1, tokens[:, None]).squeeze(-1).tolist()

    def _filter(self, logits: torch.Tensor) -> torch.Tensor:
        ordered, token = logits.sort(dim=-1, descending=True)
        rank = torch.arange(logits.shape[-1])
        top_k, top_p = self._top_k[:, None], self._top_p[:, None]
        ordered = ordered.masked_fill((top_k > 0) & (rank >= top_k), -torch.inf)
        probs = ordered.softmax(-1)
        mass_before = probs.cumsum(-1) - probs
        # The most likely token stays, however small top-p is.
        ordered = ordered.masked_fill((top_p > 0) & (mass_before >= top_p) & (rank > 0), -torch.inf)
        return torch.empty_like(logits).scatter_(-1, token, ordered)


def _draw(log_probs: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Draw by inverting the cumulative distribution."""
    cumulative = log_probs.double().exp_().cumsum_(-1)
    total = cumulative[:, -1]
    # The first token whose cumulative probability exceeds the point, so a token of probability 0 is never drawn.
    point = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulative, point[:, None], right=True).squeeze(-1)
