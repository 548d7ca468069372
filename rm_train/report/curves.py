"""The training curves of a run, read from what verl's file logger wrote.

An interrupted run leaves one file for each attempt, and an attempt that resumes repeats steps that an earlier one had
already done. The later attempt is the one whose weights were kept, so its steps replace them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

Points = list[tuple[int, float]]
"""Step and value, by step."""

Steps = dict[int, dict[str, float]]
"""Step -> key -> value, for what verl logged at a step."""


class MetricsFileError(ValueError):
    """A file of verl's file logger cannot be read."""


def read_steps(folder: Path) -> Steps:
    """Read and join `*.jsonl` of all attempts, in the order of their names (`0002` after `0001`, `10` after `9`).

    What an earlier attempt logged after the step at which a later one began is left out: those weights are gone. Where
    both logged that very step (training, then a validation on resuming), the later value of a key counts. Values that
    are not finite numbers are left out. A last line that was cut off by a kill is ignored.

    Raises:
        MetricsFileError: Another line is not of the form `{"step": n, "data": {key: value}}`.
    """
    steps: Steps = {}
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: (len(path.stem), path.stem)):
        attempt = _read_attempt(path)
        if not attempt:
            continue
        first = min(attempt)
        steps = {step: values for step, values in steps.items() if step <= first}
        for step, values in attempt.items():
            steps[step] = steps.get(step, {}) | values
    return dict(sorted(steps.items()))


def curve(steps: Steps, key: str) -> Points:
    """Return the points of one key; empty if it was never logged."""
    return [(step, values[key]) for step, values in steps.items() if key in values]


def validation_curve(steps: Steps, metric: str) -> Points:
    """Return verl's validation points of a metric, for the first data source that has them.

    verl names them `val-core/SOURCE/METRIC/mean@N`, or `val-aux/…` for all but its main metric.
    """
    keys = {key for values in steps.values() for key in values if key.startswith(("val-core/", "val-aux/"))}
    fitting = sorted(key for key in keys if key.rpartition("/")[0].endswith(f"/{metric}") and "/mean@" in key)
    # "val-core" is the reading that verl itself treats as the result.
    chosen = next((key for key in fitting if key.startswith("val-core/")), fitting[0] if fitting else None)
    return curve(steps, chosen) if chosen is not None else []


def smooth(points: Points, window: int) -> Points:
    """Return the mean of up to `window` neighbouring points around each point; fewer at the ends.

    Raises:
        ValueError: The window is not odd and positive.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"the window must be odd and positive, got {window}")
    half = window // 2
    smoothed = []
    for position, (step, _) in enumerate(points):
        # Fewer points on both sides at the ends, so that the mean stays centred and does not lag.
        reach = min(half, position, len(points) - 1 - position)
        near = [value for _, value in points[position - reach : position + reach + 1]]
        smoothed.append((step, math.fsum(near) / len(near)))
    return smoothed


def _read_attempt(path: Path) -> Steps:
    steps: Steps = {}
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            step, data = record["step"], record["data"]
            if not isinstance(step, int) or not isinstance(data, dict):
                raise TypeError("step is not an integer, or data not an object")
        except (ValueError, KeyError, TypeError) as error:
            # Only a line without its newline can be the one that a kill cut off.
            if number == len(lines):
                continue
            raise MetricsFileError(f"{path}, line {number} is not a line of verl's file logger: {error}") from error
        steps[step] = steps.get(step, {}) | _finite(data)
    return steps


def _finite(data: Mapping[str, object]) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in data.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }
