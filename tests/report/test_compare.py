import json
import shutil

import pytest
from click.testing import CliRunner
from html_pages import Page, check_loads_nothing
from pair_runs import judged_pairs, pair_run, save_pairs

from rm_train.cli import main
from rm_train.report.compare import CompareError, charts, compare_runs, headline, table_rows
from rm_train.report.compare_page import render_comparison


@pytest.fixture
def pair_runs(tmp_path):
    return [pair_run(tmp_path, "one"), pair_run(tmp_path, "two", recipe="linear", seed=4)]


def test_runs_side_by_side(pair_runs):
    (group,) = compare_runs(pair_runs)
    rows = {row.label: row.cells for row in table_rows(group)}
    assert group.kind == "pairwise" and group.notes == ()
    assert rows["Recipe"] == ("exact", "linear") and rows["Seed"] == ("3", "4")
    assert rows["Data fingerprint"] == ("beefcafebeef",) * 2 and rows["Time"] == ("1 min 0 s",) * 2
    assert rows["Both-orders accuracy"][0] == ("18.3 % [10.6 to 29.9]", "80.0 % [68.2 to 88.2]")
    assert "Consistency" in rows and "A-rate" in rows
    drawn = {chart.title: chart for chart in charts(group)}
    assert "Entropy of the policy, nats a token" not in drawn and "Accuracy, validation" in drawn
    assert [(line.label, line.style) for line in drawn["Accuracy"].lines] == [
        ("one", "run run-0"),
        ("two", "run run-1"),
    ]
    assert headline([group]) == "Runs: 2 of pairwise judges."


def test_pointwise_runs_too(run):
    other = shutil.copytree(run, run.with_name("other"))
    (group,) = compare_runs([run, other])
    rows = {row.label: row.cells for row in table_rows(group)}
    assert group.kind == "pointwise" and {"Exact accuracy", "Mean absolute error", "Spearman"} <= set(rows)
    page = Page(render_comparison([group]))
    assert page.tags.count("svg") == 7 and "Exact accuracy, validation" in page.text


def test_different_kinds_stand_apart_and_it_is_said(pair_runs, run):
    groups = compare_runs([*pair_runs, run])
    assert [(group.kind, len(group.runs)) for group in groups] == [("pairwise", 2), ("pointwise", 1)]
    assert headline(groups).startswith("Runs of different kinds: 2 of pairwise judges and 1 of pointwise judges.")
    html = render_comparison(groups)
    page = Page(html)
    check_loads_nothing(page, html)
    assert headline(groups) in page.text and page.tags.count("table") == 2
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) == 2 * page.tags.count("svg")


def test_different_rows_data_and_ways_of_judging_are_said(pair_runs, tmp_path):
    for side in ("before", "after"):
        save_pairs(pair_runs[1], side, judged_pairs(tmp_path, 0.5, 0.5, 3), data="cd34")
    facts = json.loads((pair_runs[1] / "run.json").read_text())
    facts["data"]["fingerprint"] = "d00d"
    (pair_runs[1] / "run.json").write_text(json.dumps(facts))
    metrics = pair_runs[1] / "evaluation/after/metrics.json"
    metrics.write_text(metrics.read_text().replace('"float32"', '"bfloat16"'))
    (group,) = compare_runs(pair_runs)
    assert group.notes == (
        "These runs were measured on different validation rows, whose figures do not compare: ab12 in one; cd34 in "
        "two.",
        "They were trained on different data: beefcafebeef in one; d00d in two.",
        "Their judges were not asked in the same way (dtype): float32 in one; bfloat16 in two.",
    )
    page = Page(render_comparison([group]))
    for note in group.notes:
        assert note in page.text


def test_what_cannot_be_compared_is_named(pair_runs, tmp_path):
    one, two = pair_runs
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a run folder: it has no run\.json"):
        compare_runs([one, tmp_path / "nowhere"])
    for folders, message in (([one], "2 to 8 run folders, not 1"), ([one] * 9, "not 9"), ([one, one], "named twice")):
        with pytest.raises(CompareError, match=message):
            compare_runs(folders)
    facts = json.loads((two / "run.json").read_text())
    (two / "run.json").write_text(json.dumps(facts | {"judge_steps": 10}))
    with pytest.raises(CompareError, match="two is not finished: its judge was trained for 10 of 20 steps"):
        compare_runs(pair_runs)
    shutil.rmtree(two / "evaluation/after")
    with pytest.raises(CompareError, match="two is not finished: The judge was not evaluated after training"):
        compare_runs(pair_runs)


def test_runs_of_one_name_are_told_apart(tmp_path):
    folders = [pair_run(tmp_path / "a", "run"), pair_run(tmp_path / "b", "run")]
    (group,) = compare_runs(folders)
    assert [run.label for run in group.runs] == [str(folder) for folder in folders]


def test_the_command(pair_runs, tmp_path):
    out = tmp_path / "compare.html"
    said = CliRunner().invoke(main, ["compare", *map(str, pair_runs), "--out", str(out)])
    assert (
        said.exit_code == 0
        and "Both-orders accuracy" in said.output
        and f"comparison: {out}" in said.output.replace("\n", "")
    )
    assert "Runs side by side" in Page(out.read_text()).text
    told = json.loads(CliRunner().invoke(main, ["compare", *map(str, pair_runs), "--out", str(out), "--json"]).output)
    figures = told["groups"][0]["runs"][0]["figures"]["both_right"]
    assert figures["change"]["value"] == pytest.approx(figures["after"]["value"] - figures["before"]["value"])
    wrong = CliRunner().invoke(main, ["compare", str(pair_runs[0]), str(tmp_path)])
    assert wrong.exit_code == 1 and f"{tmp_path} is not a run folder" in wrong.output
