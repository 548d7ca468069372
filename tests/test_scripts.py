"""Scripts: the linter finds nothing in those of the shell, and the page of rule accuracy counts what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.relative_to(ROOT) for folder in ("scripts", "examples") for path in (ROOT / folder).rglob("*.sh"))
DATA = ROOT.parent / "shared" / "data"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
"""Beside this Python, whose environment need not be activated."""


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_shellcheck_finds_nothing(script: Path) -> None:
    command = [SHELLCHECK, "--external-sources", "--source-path=SCRIPTDIR", f"--source-path={ROOT}", str(script)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_shellcheck_finds_a_slip(tmp_path: Path) -> None:
    script = tmp_path / "slip.sh"
    script.write_text('#!/usr/bin/env bash\nset -eu\nfolder="a b"\nrm -r $folder\n')
    result = subprocess.run([SHELLCHECK, script], capture_output=True, text=True)
    assert result.returncode == 1 and "SC2086" in result.stdout


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the public sets are not beside the repository")
def test_rule_accuracy_writes_its_page(tmp_path: Path) -> None:
    out, figures = tmp_path / "page.md", tmp_path / "figures.json"
    options = ["--data", DATA, "--rows", "8", "--out", out, "--json", figures]
    command = [sys.executable, ROOT / "scripts" / "rule_accuracy.py", *options]
    subprocess.run(command, check=True, capture_output=True, text=True)
    written = out.read_text(encoding="utf-8")
    assert "| GSM8K: agreement with the labels | 100 % | 100 % (8 of 8) | yes |" in written
    assert "**Only the first 8 rows of each set.**" in written
    counts = json.loads(figures.read_text())["GSM8K: as asked"]
    assert counts["verl `gsm8k`, strict, gold bare"]["missed"] == 0
    assert counts["`math_verify_reward`, gold as stored"]["right"] == 4


def test_rule_accuracy_knows_a_value_in_another_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from accuracy.cases import Row, cases_of, same_value

    assert same_value("$0.5$", r"\frac12") and same_value("x=5", "5") and not same_value("5", "-5")
    cases = cases_of([Row("5", "So $5$."), Row("$5$", "So $5$."), Row("-5", "So $-5$.")])
    assert [(case.pair.response, case.right) for case in cases["other box"]] == [
        (r"The answer is \boxed{-5}.", False),
        (r"The answer is \boxed{5}.", False),
    ]
    assert all(case.right for case in cases["solution"]) and len(cases["solution"]) == 3


def test_rule_accuracy_counts_what_a_scorer_raises_prints_and_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from accuracy.cases import Case, counted
    from accuracy.scorers import Pair, each

    def score(response: str, gold: str) -> float | None:
        if response == "raise":
            raise ValueError("no")
        if response == "print":
            print("Error: no")
        return None if response == "skip" else float(response == gold)

    pairs = [Pair(response, "5", "5") for response in ("raise", "print", "skip", "5", "6")]
    cases = [Case(pair, pair.response != "6") for pair in pairs]
    counts = counted(cases, each(score)(pairs))
    assert counts.failed == {"ValueError: no": 1, "Error: no": 1, "None": 1}
    assert (counts.right, counts.wrong, counts.missed, counts.paid) == (4, 1, 3, 0)
