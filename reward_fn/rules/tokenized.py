"""What rules share that compare or count tokens."""

from __future__ import annotations

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base import BaseRuleReward
from reward_fn.rules.tokenizers import Tokenizer, tokenizer


class TokenizedReward(BaseRuleReward):
    """A rule with a tokenizer."""

    tokenizer_type: str = Field(
        "simple", description="`simple`, `jieba`, `tiktoken`, or the folder or name of a Hugging Face tokenizer"
    )
    encoding_name: str = Field("cl100k_base", description="with tiktoken, its encoding")
    chinese_only: bool = Field(False, description="with jieba, whether only Chinese counts")

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.chinese_only and self.tokenizer_type != "jieba":
            raise ValueError("chinese_only needs tokenizer_type='jieba'")
        return self

    @property
    def _heavy(self) -> bool:
        return self.tokenizer_type != "simple"

    @property
    def _tokens(self) -> Tokenizer:
        """What cuts a text into tokens."""
        return tokenizer(self.tokenizer_type, encoding_name=self.encoding_name, chinese_only=self.chinese_only)
