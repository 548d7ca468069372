"""The reward of training.py: one that differs between rollouts, so that both sides have something to learn.

The training reward will not do: an answer that may not end is never a valid verdict, and all are paid alike.
"""

from __future__ import annotations


def compute_score(data_source: str, solution_str: str, ground_truth: object, **_: object) -> float:
    """Return the share of the letter e in an answer, from 0 to 1."""
    return solution_str.count("e") / max(1, len(solution_str))
