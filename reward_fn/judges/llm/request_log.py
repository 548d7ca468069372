"""A file of all requests and what came of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from reward_fn.judges.llm.completion import Completion
from reward_fn.schema import RewardError

_REDACTED = "[key]"


class RequestLog:
    """A JSONL file, which processes of one machine may share: a line for each request, failed ones too.

    Args:
        path: The file; it and its folder are made if they are not there.
        keys: What must not stand in it.
    """

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self._path, self._keys = path, [key for key in keys if key]

    def write(self, request: Mapping[str, Any], outcome: Completion | RewardError, seconds: float) -> None:
        """Append a line."""
        entry: dict[str, Any] = {
            "time": datetime.now(timezone.utc).isoformat(),
            "seconds": round(seconds, 4),
            "request": request,
        }
        if isinstance(outcome, Completion):
            entry["answer"] = {"text": outcome.text, "reasoning": outcome.reasoning, "model": outcome.model}
            entry["tokens"] = [outcome.prompt_tokens, outcome.completion_tokens]
        else:
            entry["failure"] = {"kind": outcome.failure.kind.value, "detail": outcome.failure.detail}
        line = json.dumps(entry, default=str)
        for key in self._keys:
            line = line.replace(key, _REDACTED)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode() + b"\n")  # one write: lines of several processes do not mix
        finally:
            os.close(file)
