"""The page, the JSON file and the console table that a person looks at after a run."""

from rm_train.report.build import Report
from rm_train.report.console import console_table, evaluation_table
from rm_train.report.write import write_report

__all__ = ["Report", "console_table", "evaluation_table", "write_report"]
