"""Draws training curves as one SVG: a panel for each kind of run, with the reward and its parts by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rm_train.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Series, line_chart
from rm_train.report.curves import Steps, curve

REWARD_COLOR, PART_COLORS = "#1b1f24", ("#0b7fab", "#d1495b", "#3a9d5d", "#b07d12")
_ABOVE, _GAP, _EDGE = 58, 26, 20
"""Room above a panel for its title and legend, between panels, and around them all."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What one panel shows.

    Attributes:
        title: What was trained, and how.
        reward: The metric of the reward itself.
        parts: The metrics of its parts, and what to call them.
        held_out: The metrics of validation, drawn as points, each with the training metric whose color it has.
        reward_label: What to call the reward.
    """

    title: str
    reward: str
    parts: dict[str, str]
    held_out: dict[str, str]
    reward_label: str = "reward"


def draw(panels: Sequence[tuple[Panel, Sequence[Steps]]]) -> str:
    """Return the SVG; each panel comes with the metrics of its runs, a run for each seed."""
    rows = -(-len(panels) // 2)
    width = 2 * _EDGE + 2 * WIDTH + _GAP
    height = 2 * _EDGE + rows * (HEIGHT + _ABOVE) + (rows - 1) * _GAP
    drawn = []
    for number, (panel, runs) in enumerate(panels):
        x = _EDGE + number % 2 * (WIDTH + _GAP)
        y = _EDGE + number // 2 * (HEIGHT + _ABOVE + _GAP)
        drawn.append(f'<g transform="translate({x} {y})">{_panel(panel, runs)}</g>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="Helvetica, Arial, sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, runs: Sequence[Steps]) -> str:
    colors = {panel.reward: REWARD_COLOR, **dict(zip(panel.parts, PART_COLORS, strict=False))}
    colors |= {key: colors[training] for key, training in panel.held_out.items()}
    last = max(max(run) for run in runs)
    # The reward is drawn last, over its parts; every run has all of them in the same order.
    keys = [*panel.parts, panel.reward]
    series = [Series(key, curve(run, key), "line") for run in runs for key in keys]
    points = [Series(key, curve(run, key), "points") for run in runs for key in panel.held_out]
    chart = line_chart(panel.title, [*series, *points], (0, last))
    body = [
        f'<text x="{LEFT}" y="16" font-size="15" font-weight="bold" fill="{REWARD_COLOR}">{escape(panel.title)}</text>',
        _legend(panel, colors),
        f'<g transform="translate(0 {_ABOVE})">',
        _axes(chart),
    ]
    for line in chart.lines:
        color = colors[line.label]
        if line.style == "line":
            stroke = 2.6 if line.label == panel.reward else 1.4
            body.append(f'<path d="{line.path}" fill="none" stroke="{color}" stroke-width="{stroke}"/>')
        else:
            body += [
                f'<circle cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="4" fill="white" stroke="{color}" stroke-width="1.6"/>'
                for mark in line.marks
            ]
    return "\n".join([*body, "</g>"])


def _legend(panel: Panel, colors: dict[str, str]) -> str:
    entries, x = [], LEFT
    for key, label in {panel.reward: panel.reward_label, **panel.parts}.items():
        stroke = 3 if key == panel.reward else 2
        entries.append(f'<path d="M{x} 37h16" stroke="{colors[key]}" stroke-width="{stroke}"/>')
        entries.append(f'<text x="{x + 21}" y="41" font-size="12" fill="#444">{escape(label)}</text>')
        x += 36 + 7 * len(label)
    if panel.held_out:
        entries.append(f'<circle cx="{x + 6}" cy="37" r="4" fill="white" stroke="{REWARD_COLOR}" stroke-width="1.6"/>')
        entries.append(f'<text x="{x + 15}" y="41" font-size="12" fill="#444">held out, greedy</text>')
    return "".join(entries)


def _axes(chart: Chart) -> str:
    marks = []
    for tick in chart.y_ticks:
        marks.append(f'<path d="M{LEFT} {tick.at:.1f}H{WIDTH - RIGHT}" stroke="#e4e7ea"/>')
        marks.append(_label(LEFT - 8, tick.at + 4, tick.label, "end"))
    marks += [_label(tick.at, HEIGHT - BOTTOM + 17, tick.label, "middle") for tick in chart.x_ticks]
    marks.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#9aa1a9"/>')
    return "".join([*marks, _label(WIDTH - RIGHT, HEIGHT + 1, "training step", "end")])


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" fill="#666" text-anchor="{anchor}">{escape(text)}</text>'
