"""The client of LLM endpoints: `OpenaiLLM`."""

from reward_fn.judges.llm.client import OpenaiLLM
from reward_fn.judges.llm.completion import Completion, TokenLogprobs
from reward_fn.judges.llm.priority import priority

__all__ = ["Completion", "OpenaiLLM", "TokenLogprobs", "priority"]
