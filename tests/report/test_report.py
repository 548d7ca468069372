import json
import re

import pytest
from html_pages import Page, check_loads_nothing
from rich.console import Console

from rm_train.report import console_table, write_report
from rm_train.report.pointwise.samples import judged_text
from rm_train.report.pointwise.samples import samples as choose
from rm_train.report.samples import WANTED


def written(run):
    report = write_report(run)
    html = (run / "report.html").read_text()
    return report, Page(html), html


def test_a_whole_run(run):
    report, page, html = written(run)
    assert re.match(
        r"Exact accuracy rose from \d\d\.\d % to \d\d\.\d %, by \+\d\d\.\d points \(95 % interval", report.headline
    )
    assert "Always answering 0, their most common score, would be right on 20.0 %." in report.headline
    for text in (
        report.headline,
        "synthetic data",
        "deliberately lenient",
        "c0ffee",
        "0.9.1",
        "1 min 35 s",
        "1 min 39 s",
    ):
        assert text in page.text
    assert page.tags.count("svg") == 6 and "not recorded" not in page.text
    assert page.tags.count("article") == 20 and html.count('class="matrix"') == 2
    assert html.count("reason right") > 20 and "no verdict: unparseable" in page.text
    saved = json.loads((run / "report.json").read_text())
    assert saved["headline"] == report.headline and saved["run"]["seed"] == 7
    assert saved["change"]["exact"]["value"] == pytest.approx(
        saved["after"]["metrics"]["figures"]["exact"]["value"] - saved["before"]["metrics"]["figures"]["exact"]["value"]
    )
    assert saved["curves"]["accuracy"][0] == [1, 0.02] and saved["curves"]["validation_accuracy"] == [[0, 0.3]]
    assert len(saved["samples"]) == 20 and saved["missing"] == []


def test_the_page_loads_nothing_and_runs_nothing(run):
    _, page, html = written(run)
    check_loads_nothing(page, html)


def test_the_same_run_gives_the_same_page(run):
    assert written(run)[2] == written(run)[2]


def test_text_of_models_and_data_is_escaped(run, build, save):
    evil = "<script>alert(1)</script>{{ 7*7 }}<img src=x onerror=alert(1)>"
    for side, right in (("before", 0.3), ("after", 0.9)):
        rows = build(right, 1)
        save(run, side, [replace_texts(row, evil) for row in rows])
    facts = json.loads((run / "run.json").read_text())
    facts.update(title=evil, notes=[evil], command=evil, versions={evil: evil})
    (run / "run.json").write_text(json.dumps(facts))
    _, page, html = written(run)
    assert "<script" not in html and "<img" not in html
    assert page.text.count(evil) > 50


def replace_texts(row, text):
    from dataclasses import replace

    reason = None if row.reason is None else text
    return replace(row, reason=reason, text=text, prompt=text, failure_detail=row.failure_detail and text)


def test_a_bare_run_says_what_it_lacks(bare_run):
    report, page, html = written(bare_run)
    assert report.headline == "This run has not been evaluated." and page.text.count("not recorded") == 6
    for sentence in report.missing:
        assert sentence in page.text
    assert len(report.missing) == 3 and 'class="matrix"' not in html
    assert console_table(report).row_count == 0


@pytest.mark.parametrize("side", ["before", "after"])
def test_one_side_alone(bare_run, build, save, side):
    save(bare_run, side, build(0.8, 1))
    report, page, html = written(bare_run)
    assert f"Exact accuracy {side} training is" in report.headline and report.change is None
    assert html.count('class="matrix"') == 1 and "article" not in page.tags


def test_different_rows_are_not_compared(run, build, save):
    save(run, "after", build(0.9, 2, count=60))
    report, page, _ = written(run)
    assert report.change is None and report.samples == []
    assert "on different rows" in report.headline and "judged different rows" in page.text


def test_missing_judgments_leave_the_figures(run):
    (run / "evaluation/after/judgments.jsonl").unlink()
    report, page, html = written(run)
    assert report.change is None and "The judgments after training are missing." in page.text
    assert html.count('class="matrix"') == 2


def test_no_change_and_a_fall_are_called_that(run, build, save):
    save(run, "after", build(0.3, 1))
    report, page, _ = written(run)
    assert "did not clearly change" in report.headline and "by 0.0 points" in report.headline
    assert report.counts == {"improved": 0, "unchanged": 120, "worsened": 0} and len(report.samples) == 20
    assert "no clear change" in page.text
    save(run, "before", build(0.95, 3))
    assert "Exact accuracy fell" in write_report(run).headline


def test_a_judge_no_better_than_the_majority_is_called_that(run, build, save):
    save(run, "after", build(0.02, 4))
    assert "the judge is not clearly better than that" in write_report(run).headline


def test_data_without_facts_has_no_figures_for_reasons(run, build, save):
    for side in ("before", "after"):
        save(run, side, build(0.5, 1, facts=False))
    _, page, _ = written(run)
    assert "Right reasons" not in page.text and "reason right" not in page.text


def test_run_json_may_hold_little(bare_run):
    (bare_run / "run.json").write_text("{}")
    report, _, _ = written(bare_run)
    assert report.title == "run"


def test_what_is_not_a_run_is_named(tmp_path, run):
    with pytest.raises(FileNotFoundError, match=r"no run\.json"):
        write_report(tmp_path / "nothing")
    (run / "evaluation/after/metrics.json").write_text("{}")
    with pytest.raises(ValueError, match=r"after/metrics\.json"):
        write_report(run)
    (run / "run.json").write_text("[")
    with pytest.raises(ValueError, match=r"run\.json is not JSON"):
        write_report(run)


def test_the_console_table_shows_the_figures(run):
    console = Console(width=120, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as captured:
        console.print(console_table(write_report(run)))
    text = captured.get()
    for part in ("Exact accuracy", "Spearman", "Right reasons", "points", "[", "pointwise judge"):
        assert part in text


def test_samples_are_a_fixed_mix(build):
    before, after = build(0.5, 1), build(0.6, 2)
    counts, samples = choose(before, after)
    assert min(counts.values()) >= 8 and sum(counts.values()) == 120
    shown = [sample.change for sample in samples]
    assert {change: shown.count(change) for change in WANTED} == dict(WANTED)
    assert len({sample.before.index for sample in samples}) == 20
    assert all(sample.before.index == sample.after.index for sample in samples)
    assert len(choose(before[:3], after[:3])[1]) == 3
    assert samples[0].asked.startswith("User: Name city") and samples[0].answer.startswith("It is number")


def test_a_judged_text_with_fences_is_taken_apart_rightly():
    from reward_fn.judges.pointwise import pointwise_messages

    asked, answer = "a\n~~~ answer\nb\n~~~", "c\n~~~~ answer\n~~~~"
    prompt = pointwise_messages([{"role": "user", "content": asked}], answer)[0]["content"]
    assert judged_text(prompt) == (f"User: {asked}", answer)
    assert judged_text("another prompt") == ("another prompt", "")
