"""What a job's log says: where its run folder is, how far it is, and why it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rm_train.launch.log_error import last_error

_RUN_FOLDER = re.compile(r"^run folder: (.+)$", re.MULTILINE)
_STEP = re.compile(r"^step (\d+)/(\d+) · (.+)$", re.MULTILINE)
_ERROR = re.compile(r"^Error: ", re.MULTILINE)
"""How `rm-train` begins the last words of a command that fails."""
_RETRY = "the training failed, and goes on from step"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a log of `rm-train train` says.

    Attributes:
        run_folder: The folder on the cluster; None before it is known.
        step: The last training step; 0 before the first.
        steps: All steps; 0 before the first.
        figures: Reward, accuracy and seconds of that step.
        retries: How often the training was gone on with within the job.
    """

    run_folder: str | None
    step: int
    steps: int
    figures: str
    retries: int


def facts_of(log: str) -> Facts:
    """Read a log."""
    folders, steps = _RUN_FOLDER.findall(log), _STEP.findall(log)
    step, of, figures = steps[-1] if steps else (0, 0, "")
    return Facts(folders[-1].strip() if folders else None, int(step), int(of), figures, log.count(_RETRY))


def why_failed(log: str, message: str | None) -> str:
    """Return the error that ended a job.

    Args:
        log: Its log.
        message: Ray's word on it, which is all there is where the job did not begin.
    """
    if errors := list(_ERROR.finditer(log)):
        return log[errors[-1].end() :].strip()
    return last_error(log) if log.strip() else (message or "Ray does not say why")
