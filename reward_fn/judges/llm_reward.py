"""Rewards that ask a language model, fill in a template with its reply, and make a score of that."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pydantic import Field, field_serializer

from reward_fn.judges.asking import ask
from reward_fn.judges.judge_reward import JudgeReward
from reward_fn.judges.template import AnyTemplate, BasePromptTemplate, written
from reward_fn.schema import DataSample, RewardResult


class BaseLLMReward(JudgeReward):
    """A reward that asks a language model; stands before a scoring pattern among the bases of a class.

    A subclass says what the template is given (`_before_evaluate`) and what the filled-in template is worth
    (`_after_evaluate`). A reply that cannot be read is sent back with what is wrong about it, `reask` times.
    """

    template: AnyTemplate = Field(description="the prompt and the form of the reply")
    reask: int = Field(1, ge=0, description="times that a judge is told what is wrong with its reply and asked again")
    structured: bool = Field(
        True, description="whether the reply is asked for as JSON by a schema, where template and endpoint can do that"
    )

    @field_serializer("template")
    def _written_template(self, template: type[BasePromptTemplate]) -> str:
        # For subclasses too, whose field has often a plain type.
        return written(template)

    @property
    def asked(self) -> type[BasePromptTemplate]:
        """The template that is filled in; one whose fields depend on the reward's is made here."""
        return self.template

    @abstractmethod
    def _before_evaluate(self, sample: DataSample, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what `template.format` is called with; raise `RewardError` for a sample that cannot be judged."""

    @abstractmethod
    def _after_evaluate(self, sample: DataSample, response: Any, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        """Return the result; raise `UnparseableError` for a verdict that does not fit the sample."""

    async def _judge(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        def use(response: BasePromptTemplate) -> RewardResult:
            return self._after_evaluate(sample=sample, response=response, **kwargs)

        return await ask(
            self.llm,
            self.asked,
            self._before_evaluate(sample=sample, **kwargs),
            use,
            reask=self.reask,
            structured=self.structured,
            draw=self.draw,
        )
