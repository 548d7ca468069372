"""Rewards for reinforcement learning of language models: rules, LLM judges and reward models behind one API."""
