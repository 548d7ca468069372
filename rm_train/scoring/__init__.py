"""Scoring of answers that are already there: a file of rollouts, a reward, and what it makes of each answer."""

from reward_fn.columns import Columns, RowError
from rm_train.scoring.score import ScoreError, ScoreSettings, described_reward, first_rows, score_file
from rm_train.scoring.summary import Summary, summary_tables

__all__ = [
    "Columns",
    "RowError",
    "ScoreError",
    "ScoreSettings",
    "Summary",
    "described_reward",
    "first_rows",
    "score_file",
    "summary_tables",
]
