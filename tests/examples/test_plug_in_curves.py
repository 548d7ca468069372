"""The command that draws the curves of the plug-in's examples, on runs that are made up."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

SCRIPTS = Path(__file__).parents[2] / "scripts"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def curves():
    sys.path.insert(0, str(SCRIPTS))
    import plug_in_curves

    yield plug_in_curves
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def runs(curves, tmp_path):
    """Two runs of each example, of three steps each."""
    for name, panel in curves.PANELS.items():
        for seed in (0, 1):
            folder = tmp_path / "runs" / name / f"seed{seed}"
            folder.mkdir(parents=True)
            lines = [{"step": 0, "data": dict.fromkeys(panel.held_out, 0.25)}]
            for step in (1, 2, 3):
                lines.append({"step": step, "data": dict.fromkeys([panel.reward, *panel.parts], step / 4)})
            lines[-1]["data"] |= dict.fromkeys(panel.held_out, 1.0)
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            measured = {"wall_s": 123.4, "cpu_s": 150.6, "cores": 2}
            (folder / "measured.json").write_text(json.dumps(measured))
    return tmp_path / "runs"


def drawn(curves, *arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(curves.main, [str(argument) for argument in arguments])


def test_finished_runs_are_drawn_and_told(curves, runs, tmp_path):
    result = drawn(curves, "--runs", runs, "--out", tmp_path / "curves.svg")
    assert result.exit_code == 0, result.output
    picture = ET.parse(tmp_path / "curves.svg").getroot()
    panels = [group for group in picture if group.tag == f"{SVG}g"]
    assert len(panels) == len(curves.PANELS)
    for panel, described in zip(panels, curves.PANELS.values(), strict=True):
        texts = [text.text for text in panel.iter(f"{SVG}text")]
        assert {described.title, "reward", *described.parts.values()} <= set(texts)
        curved = [path for path in panel.iter(f"{SVG}path") if path.get("d").count("L") == 2]
        assert len(curved) == 2 * (1 + len(described.parts))
        # Before and after, for two seeds; and one in the legend.
        assert len(list(panel.iter(f"{SVG}circle"))) == 4 * len(described.held_out) + 1


def test_a_run_has_its_figures(curves, runs):
    folder = runs / "routes" / "seed1"
    row = curves.figures("routes", 1, folder, curves.read_steps(folder))
    assert row[:2] == ["routes", "1"]
    assert row[2].splitlines() == ["reward 0.25 -> 0.75", "counts 0.25 -> 0.75", "chat 0.25 -> 0.75"]
    assert row[3].splitlines() == ["counts 0.25 -> 1.00", "chat 0.25 -> 1.00"]
    assert row[4:] == ["123", "151", "2"]


def test_missing_runs_are_named(curves, runs, tmp_path):
    result = drawn(curves, "--runs", runs, "--seeds", 7, "--out", tmp_path / "curves.svg")
    assert result.exit_code == 1
    assert "has no run with the seeds" in result.output
    assert not (tmp_path / "curves.svg").exists()
