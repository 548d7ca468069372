"""Rewards that ask a language model: judging prompts and the strict parsers of their verdicts."""
