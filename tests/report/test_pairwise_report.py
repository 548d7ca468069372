import json
from dataclasses import replace

import pytest
from html_pages import Page, check_loads_nothing
from judged_pairs import pair
from pair_runs import FACTS, judged_pairs, pair_run, save_pairs
from rich.console import Console

from rm_train.evaluation.intervals import Estimate
from rm_train.evaluation.pairwise.metrics import PairFigures, compare, measure
from rm_train.report import console_table, write_report
from rm_train.report.pairwise.remarks import remarks
from rm_train.report.pairwise.samples import samples, state
from rm_train.report.pairwise.words import FIGURES
from rm_train.report.samples import WANTED
from rm_train.report.wording import verdict


@pytest.fixture
def run(tmp_path):
    return pair_run(tmp_path)


def written(run):
    report = write_report(run)
    html = (run / "report.html").read_text()
    return report, Page(html), html


def test_a_whole_run(run):
    report, page, html = written(run)
    assert report.headline.startswith("Both-orders accuracy rose from 18.3 % to 80.0 %, by +61.7 points (95 % interval")
    assert "on the same 60 validation pairs. Always preferring the shorter answer" in report.headline
    assert report.remarks[0].startswith("Beside that, these rose: Accuracy by +45.0 points")
    assert "these fell: A-rate by \N{MINUS SIGN}33.0 points" in report.remarks[0]
    assert "these stayed within noise: Valid verdicts" in report.remarks[0]
    for text in (report.headline, *report.remarks, "Consistency", "A-rate less the truth's", "Right in both orders",
                 "By how much the better answer is better", "Strength 2", "20 pairs", "flipped"):  # fmt: skip
        assert text in page.text, text
    # Neither the entropy nor the time of a step was logged.
    assert page.tags.count("svg") == 8 and page.text.count("not recorded") == 2
    assert page.tags.count("article") == len(report.samples) == 20 and html.count('class="matrix"') == 2
    assert page.text.count("A and B swapped") == 40 and "no verdict: unparseable" in page.text
    check_loads_nothing(page, html)
    saved = json.loads((run / "report.json").read_text())
    assert saved["kind"] == "pairwise" and saved["before"]["metrics"]["kind"] == "pairwise"
    assert saved["curves"]["chose_a"][0] == [1, 0.025] and saved["curves"]["validation_both_right"] == [[0, 0.2]]
    assert sum(saved["change_counts"].values()) == 60


def test_the_console_table_shows_figures_and_remarks(run):
    console = Console(width=140)
    with console.capture() as captured:
        console.print(console_table(write_report(run)))
    for part in ("Both-orders accuracy", "Consistency", "Accuracy, shorter is better", "Beside that, these rose"):
        assert part in captured.get()
    assert "longer is better" not in captured.get()


def test_a_run_that_was_not_evaluated_is_what_its_task_says(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(FACTS))
    report, page, _ = written(tmp_path)
    assert report.kind == "pairwise" and report.headline == "This run has not been evaluated."
    assert "Ties, among all answers" in page.text and "Right in both orders" not in page.text


def test_judges_of_two_kinds_are_no_run(run, build, save):
    save(run, "before", build(0.3, 1))
    with pytest.raises(ValueError, match="different kinds were evaluated: pairwise, pointwise"):
        write_report(run)


def test_one_side_alone(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(FACTS))
    save_pairs(tmp_path, "after", judged_pairs(tmp_path, 0.9, 0.5, 1))
    report, page, _ = written(tmp_path)
    assert report.headline.startswith("Both-orders accuracy after training is") and report.change is None
    assert "validation pairs; the other side has not been evaluated" in report.headline
    assert "Strength 1" in page.text and "article" not in page.tags


def test_text_of_models_and_data_is_escaped(run):
    evil = "<script>alert(1)</script>{{ 7*7 }}"
    for side, right in (("before", 0.2), ("after", 0.9)):
        rows = judged_pairs(run, right, 0.5, 1)
        save_pairs(run, side, [replace(row, reason=row.reason and evil, text=evil, answer_a=evil) for row in rows])
    _, page, html = written(run)
    assert "<script" not in html and page.text.count(evil) > 50


def test_pairs_are_right_wrong_flipped_or_not_readable(tmp_path):
    before, after = judged_pairs(tmp_path, 0.2, 0.9, 1), judged_pairs(tmp_path, 0.9, 0.5, 2)
    counts, shown = samples(before, after)
    assert sum(counts.values()) == 60 and len(shown) == sum(WANTED.values())
    assert {one.change for one in shown} <= set(WANTED)
    first, second = before[:2]
    assert (first.target, second.target) == ("A", "B")
    for said, expected in ((("A", "B"), "right"), (("B", "A"), "wrong"), (("A", "A"), "flipped"),
                           (("tie", "tie"), "wrong"), (("A", None), "no verdict")):  # fmt: skip
        judged = [replace(row, predicted=one) for row, one in zip((first, second), said, strict=True)]
        assert state(judged) == expected
    # A pair of which one row is left out is no sample.
    assert sum(samples(before[1:], after[1:])[0].values()) == 59


def test_a_judge_that_prefers_a_place_is_warned_of():
    told = remarks(measure([row for n in range(100) for row in pair(n, "AB"[n % 2], "AA")]), None)
    assert len(told) == 1 and told[0].startswith("The judge decides for the answer shown first in 100.0 % of its")
    assert "the truth in 50.0 %: a difference of +50.0 points" in told[0] and told[0].endswith("by their place, too.")


def test_a_judge_that_prefers_length_is_warned_of_only_where_errors_do_not_explain_it():
    # The truth is the longer answer half of the time; this judge always prefers it.
    rows = [row for n in range(100) for row in pair(n, "A", ("AB", "BA")[n % 2], "AB"[n % 2])]
    told = remarks(measure(rows), None)
    assert len(told) == 1 and told[0].endswith("It judges answers by their length, too.")
    # The truth is always the longer answer; a judge that errs prefers it less often, whatever it looks at.
    rows = [row for n in range(100) for row in pair(n, "A", ("AB", "AB", "BA")[n % 3], "A")]
    told = remarks(measure(rows), None)
    assert len(told) == 1 and told[0].endswith("Errors without any habit bring it nearer to a half, too.")


def test_a_judge_without_habits_is_not_warned_of():
    rows = [row for n in range(100) for row in pair(n, "AB"[n % 2], ("AB", "BA")[n % 2], ("A", "B", None)[n % 3])]
    assert remarks(measure(rows), compare(rows, rows)) == [
        "Beside that, these stayed within noise: Accuracy, Consistency, A-rate, Longer-rate, Tie-rate, Valid verdicts."
    ]
    assert remarks(measure([*rows, *pair("x", "A", "A")]), None)[0].startswith("1 rows are there without the other")


def test_all_figures_have_words_and_a_habit_is_neither_better_nor_worse():
    assert set(FIGURES) == set(PairFigures.__slots__)
    assert verdict(FIGURES["a_rate"], Estimate(0.2, 0.1, 0.3, 9)) == "changed"
    assert verdict(FIGURES["accuracy"], Estimate(0.2, 0.1, 0.3, 9)) == "better"
