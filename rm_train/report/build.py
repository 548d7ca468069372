"""From a run folder's content to its report: what is compared, which curves are drawn, which rows are shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rm_train.evaluation.metrics import Figures, compare
from rm_train.report.charts import Chart, Series, line_chart
from rm_train.report.curves import Points, curve, validation_curve
from rm_train.report.run_data import RunData, Side
from rm_train.report.samples import Sample, choose_samples, count_changes
from rm_train.report.wording import headline


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says; the page, the JSON file and the console table show it.

    Attributes:
        folder: The run folder.
        title: What was run.
        headline: What came out, in a sentence or two.
        facts: `run.json`.
        before: The judge that training began with; None if it was not evaluated.
        after: The trained judge; None if it was not evaluated.
        change: Figures after less before; None unless both sides judged the same rows.
        counts: Kind of change -> rows; empty without `change`.
        samples: Judgments side by side; empty without `change`.
        curves: What is drawn -> its points; empty where nothing was recorded.
        missing: What the run folder lacks, in sentences.
    """

    folder: Path
    title: str
    headline: str
    facts: dict[str, Any]
    before: Side | None
    after: Side | None
    change: Figures | None
    counts: dict[str, int]
    samples: list[Sample]
    curves: dict[str, Points]
    missing: list[str]


def build_report(run: RunData) -> Report:
    """Compute what the report says."""
    before, after, missing = run.before, run.after, list(run.missing)
    change, counts, samples = None, dict[str, int](), list[Sample]()
    if before is not None and after is not None and before.judgments and after.judgments:
        if _rows_of(before) == _rows_of(after):
            change = compare([row.judgment() for row in before.judgments], [row.judgment() for row in after.judgments])
            counts = count_changes(before.judgments, after.judgments)
            samples = choose_samples(before.judgments, after.judgments)
        else:
            missing.append("The two sides judged different rows, so their difference says nothing and is not shown.")
    return Report(
        folder=run.folder,
        title=str(run.facts.get("title") or run.folder.name),
        headline=headline(before.metrics if before else None, after.metrics if after else None, change),
        facts=run.facts,
        before=before,
        after=after,
        change=change,
        counts=counts,
        samples=samples,
        curves={
            "reward": curve(run.steps, "reward/score/mean") or curve(run.steps, "critic/score/mean"),
            "accuracy": curve(run.steps, "reward/acc/mean"),
            "validation_accuracy": validation_curve(run.steps, "acc"),
            "format_ok": curve(run.steps, "reward/format_ok/mean"),
            # verl logs it under the second name when it does not recompute log-probabilities (bypass_mode).
            "entropy": curve(run.steps, "actor/entropy") or curve(run.steps, "actor/entropy_loss"),
            "response_length": curve(run.steps, "response_length/mean"),
            "step_seconds": curve(run.steps, "timing_s/step"),
        },
        missing=missing,
    )


def charts(report: Report) -> list[Chart]:
    """Return the charts of the page."""
    curves = report.curves
    every = [step for points in curves.values() for step, _ in points]
    steps = (min(every, default=0), max(every, default=0))
    side = report.after or report.before
    majority = (side.metrics.majority_share, "always the most common score") if side else None
    accuracy = [
        Series("rollouts", curves["accuracy"]),
        Series("validation, greedy", curves["validation_accuracy"], "validation"),
    ]
    return [
        line_chart("Reward, mean of a batch", [Series("reward", curves["reward"])], steps),
        line_chart("Exact accuracy", accuracy, steps, percent=True, reference=majority),
        line_chart("Verdicts in the right form", [Series("valid", curves["format_ok"])], steps, percent=True),
        line_chart("Entropy of the policy, nats a token", [Series("entropy", curves["entropy"])], steps),
        line_chart("Answer length, tokens", [Series("length", curves["response_length"])], steps),
        line_chart("Time of a step, seconds", [Series("time", curves["step_seconds"])], steps),
    ]


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as plain JSON values."""
    return {
        "title": report.title,
        "headline": report.headline,
        "run": report.facts,
        "before": _side_as_json(report.before),
        "after": _side_as_json(report.after),
        "change": asdict(report.change) if report.change else None,
        "change_counts": report.counts,
        "curves": report.curves,
        "samples": [asdict(sample) for sample in report.samples],
        "missing": report.missing,
    }


def _side_as_json(side: Side | None) -> dict[str, Any] | None:
    return None if side is None else {**side.settings, "metrics": asdict(side.metrics)}


def _rows_of(side: Side) -> list[tuple[int, int, str]]:
    return [(row.index, row.target, row.prompt) for row in side.judgments]
