"""How much a step generates and learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rm_train.plan.figure import Figure, Unit, figure
from rm_train.plan.job import Job, Settings

AVERAGE_SHARE = 0.5
"""Prompts and answers are taken to be half as long as they may be, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long prompts and answers are on average, in tokens."""

    prompt: float
    response: float


def average_lengths(job: Job, prompt: int | None, response: int | None) -> Lengths:
    """Return the average lengths: those given, or the assumption."""
    return Lengths(prompt or AVERAGE_SHARE * job.prompt, response or AVERAGE_SHARE * job.response)


def token_symbols(job: Job, lengths: Lengths) -> dict[str, float]:
    """Return the names that formulas about a step's tokens are written in."""
    return {
        "batch": job.batch,
        "mini": job.mini_batch,
        "n": job.samples,
        "epochs": job.epochs,
        "longest_prompt": job.prompt,
        "longest_response": job.response,
        "P": lengths.prompt,
        "R": lengths.response,
    }


TOKEN_MEANINGS: Mapping[str, str] = {
    "batch": "prompts of a step",
    "mini": "prompts of an update",
    "n": "answers to each",
    "P": "tokens of a prompt, on average",
    "R": "tokens of an answer, on average",
}
"""What the names mean that a plan explains once."""


def tokens(job: Job, settings: Settings, lengths: Lengths) -> tuple[Figure, ...]:
    """Return the tokens, updates and micro-batches of a step."""
    symbols = {**token_symbols(job, lengths), "W": job.gpus, "M": settings.tokens}

    def line(what: str, formula: str, unit: Unit = Unit.TOKENS) -> Figure:
        return figure(what, formula, symbols, unit)

    return (
        line("prompts, at most", "batch * n * longest_prompt"),
        line("prompts, on average", "batch * n * P"),
        line("answers, at most", "batch * n * longest_response"),
        line("answers, on average", "batch * n * R"),
        line("updates", "ceil(batch / mini) * epochs", Unit.COUNT),
        line("micro-batches of an update on a GPU, at most",
             "ceil(mini * n * (longest_prompt + longest_response) / W / M)", Unit.COUNT),
        line("micro-batches of an update on a GPU, on average", "ceil(mini * n * (P + R) / W / M)", Unit.COUNT),
    )  # fmt: skip
