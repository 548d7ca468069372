"""A plan as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rm_train.plan.figure import Unit
from rm_train.plan.plan import Plan


def as_text(plan: Plan) -> str:
    """Return a plan as lines of text, with the arithmetic of each figure."""
    return "\n".join(_lines(plan)) + "\n"


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON: bytes, tokens and seconds, with their formulas."""
    return {
        "summary": plan.summary,
        "fits": not plan.problems,
        "names": {name: {"meaning": meaning, "value": value} for name, (meaning, value) in plan.names.items()},
        "sections": [
            {
                "title": section.title,
                "total": section.total or None,
                "figures": [
                    {**asdict(figure), "unit": "bytes" if figure.unit is Unit.GIB else figure.unit.value}
                    for figure in section.figures
                ],
            }
            for section in plan.sections
        ],
        "problems": [{"key": problem.key, "what": problem.what, "fix": problem.fix} for problem in plan.problems],
        "recommended": list(plan.recommended),
        "notes": list(plan.notes),
    }


def _lines(plan: Plan) -> Iterator[str]:
    yield plan.summary
    for note in plan.notes:
        yield f"- {note}"
    if plan.recommended:
        yield f"- recommended here: {' '.join(plan.recommended)}"
    yield "\nwhere"
    for name, (meaning, value) in plan.names.items():
        yield f"  {name} = {value:,.12g}: {meaning}"
    for section in plan.sections:
        yield f"\n{section.title}" + (f": {section.total}" if section.total else "")
        for figure in section.figures:
            yield f"  {figure}"
