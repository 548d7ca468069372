"""Write the report of a run: one page to send to a colleague, and the same facts for programs."""

from __future__ import annotations

from pathlib import Path

from rm_train.files import atomic_write_json, atomic_write_text
from rm_train.report.build import Report, as_json, build_report
from rm_train.report.page import render_page
from rm_train.report.run_data import read_run

PAGE_FILE = "report.html"
JSON_FILE = "report.json"


def write_report(run_dir: Path) -> Report:
    """Read a run folder and write `report.html` and `report.json` into it, each whole or not at all.

    What the folder lacks (an evaluation, the metrics of training) is said in the report and is no error.

    Args:
        run_dir: A folder with `run.json`.

    Raises:
        FileNotFoundError: There is no such folder, or it has no `run.json`.
        ValueError: A file in it is broken; the message names it.
        OSError: A file cannot be written.
    """
    report = build_report(read_run(run_dir))
    page = render_page(report)
    atomic_write_json(run_dir / JSON_FILE, as_json(report))
    atomic_write_text(run_dir / PAGE_FILE, page)
    return report
