"""From a run folder's content to its report: what is compared, which curves are drawn, which rows are shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rm_train.evaluation.kind import Measured
from rm_train.report.charts import Chart
from rm_train.report.curves import Points, Steps, curve, validation_curve
from rm_train.report.plots import Plot, drawn
from rm_train.report.run_data import RunData, Side
from rm_train.report.view import View
from rm_train.report.views import VIEWS, kind_of_run
from rm_train.report.wording import headline


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says; the page, the JSON file and the console table show it.

    Attributes:
        folder: The run folder.
        title: What was run.
        kind: The kind of judge that was trained.
        headline: What came out, in a sentence or two.
        remarks: What else must be known of the last judge, in sentences.
        facts: `run.json`.
        before: The judge that training began with; None if it was not evaluated.
        after: The trained judge; None if it was not evaluated.
        change: The kind's figures after less before; None unless both sides judged the same rows.
        counts: Kind of change -> rows or pairs; empty without `change`.
        samples: Judgments side by side; empty without `change`.
        curves: What is drawn -> its points; empty where nothing was recorded.
        missing: What the run folder lacks, in sentences.
    """

    folder: Path
    title: str
    kind: str
    headline: str
    remarks: list[str]
    facts: dict[str, Any]
    before: Side | None
    after: Side | None
    change: Any
    counts: dict[str, int]
    samples: list[Any]
    curves: dict[str, Points]
    missing: list[str]

    @property
    def view(self) -> View:
        """How this kind of judge is shown."""
        return VIEWS[self.kind]


def build_report(run: RunData) -> Report:
    """Compute what the report says.

    Raises:
        ValueError: The sides are judges of different kinds.
    """
    before, after, missing = run.before, run.after, list(run.missing)
    old, new = (side.metrics if side else None for side in (before, after))
    kind = kind_of_run(run.folder, run.facts, [metrics for metrics in (old, new) if metrics is not None])
    view = VIEWS[kind]
    change: Any = None
    counts, samples = dict[str, int](), list[Any]()
    if before is not None and after is not None and before.judgments and after.judgments:
        if after.kind.same_rows(before.judgments, after.judgments):
            change = after.kind.compare(before.judgments, after.judgments)
            counts, samples = view.samples(before.judgments, after.judgments)
        else:
            missing.append("The two sides judged different rows, so their difference says nothing and is not shown.")
    last = new or old
    return Report(
        folder=run.folder,
        title=str(run.facts.get("title") or run.folder.name),
        kind=kind,
        headline=headline(view, old, new, change),
        remarks=view.remarks(last, change) if last else [],
        facts=run.facts,
        before=before,
        after=after,
        change=change,
        counts=counts,
        samples=samples,
        curves=_curves(view, run.steps),
        missing=missing,
    )


def charts(report: Report) -> list[Chart]:
    """Return the charts of the page."""
    side = report.after or report.before
    return drawn(plots_of(report.view, side.metrics if side else None), report.curves)


def plots_of(view: View, metrics: Measured | None) -> list[Plot]:
    """Return what is drawn of a run.

    Args:
        view: How the kind of judge is shown.
        metrics: Those of the last judge, beside whose rows the curves are seen; None leaves that out.
    """
    guess = view.guess(metrics) if metrics else None
    reference = (guess.share, guess.short) if guess else None
    return [
        Plot("Reward, mean of a batch", "reward", "reward"),
        Plot(view.accuracy, "rollouts", "accuracy", "validation_accuracy", True, reference),
        *view.more_plots(metrics),
        Plot("Verdicts in the right form", "valid", "format_ok", percent=True),
        Plot("Entropy of the policy, nats a token", "entropy", "entropy"),
        Plot("Answer length, tokens", "length", "response_length"),
        Plot("Time of a step, seconds", "time", "step_seconds"),
    ]


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as plain JSON values."""
    return {
        "title": report.title,
        "kind": report.kind,
        "headline": report.headline,
        "remarks": report.remarks,
        "run": report.facts,
        "before": _side_as_json(report.before),
        "after": _side_as_json(report.after),
        "change": asdict(report.change) if report.change else None,
        "change_counts": report.counts,
        "curves": report.curves,
        "samples": [asdict(sample) for sample in report.samples],
        "missing": report.missing,
    }


def _curves(view: View, steps: Steps) -> dict[str, Points]:
    return {
        "reward": curve(steps, "reward/score/mean") or curve(steps, "critic/score/mean"),
        "accuracy": curve(steps, "reward/acc/mean"),
        "validation_accuracy": validation_curve(steps, "acc"),
        "format_ok": curve(steps, "reward/format_ok/mean"),
        # verl logs it under the second name when it does not recompute log-probabilities (bypass_mode).
        "entropy": curve(steps, "actor/entropy") or curve(steps, "actor/entropy_loss"),
        "response_length": curve(steps, "response_length/mean"),
        "step_seconds": curve(steps, "timing_s/step"),
        **view.more_curves(steps),
    }


def _side_as_json(side: Side | None) -> dict[str, Any] | None:
    return None if side is None else {**side.settings, "metrics": side.kind.as_json(side.metrics)}
