import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_train.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Series, line_chart
from rm_train.report.curves import MetricsFileError, curve, read_steps, smooth, validation_curve


def test_a_resumed_attempt_replaces_what_it_repeats(bare_run, log):
    log(bare_run, "0001.jsonl", [(step, {"reward/acc/mean": 0.1, "x": step}) for step in range(1, 6)])
    log(bare_run, "0002.jsonl", [(3, {"val-core/s/acc/mean@1": 0.5}), (4, {"reward/acc/mean": 0.2})])
    steps = read_steps(bare_run / "metrics")
    assert curve(steps, "reward/acc/mean") == [(1, 0.1), (2, 0.1), (3, 0.1), (4, 0.2)]
    assert curve(steps, "x") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert validation_curve(steps, "acc") == [(3, 0.5)]


def test_attempts_come_in_the_order_of_their_numbers(bare_run, log):
    for name, value in (("10.jsonl", 3), ("9.jsonl", 2), ("1.jsonl", 1)):
        log(bare_run, name, [(1, {"x": value})])
    assert curve(read_steps(bare_run / "metrics"), "x") == [(1, 3.0)]


def test_what_is_not_a_number_is_left_out(bare_run, log):
    log(
        bare_run,
        "1.jsonl",
        [(1, {"x": None}), (2, {"x": float("nan")}), (3, {"x": "3"}), (4, {"x": True}), (5, {"x": 5})],
    )
    assert curve(read_steps(bare_run / "metrics"), "x") == [(5, 5.0)]


def test_only_a_last_line_may_be_cut_off(bare_run, log):
    log(bare_run, "1.jsonl", [(1, {"x": 1})], tail='{"step": 2, "da')
    assert curve(read_steps(bare_run / "metrics"), "x") == [(1, 1.0)]
    log(bare_run, "1.jsonl", [(1, {"x": 1})], tail='{"step": 2, "da\n')
    with pytest.raises(MetricsFileError, match=r"1\.jsonl, line 2"):
        read_steps(bare_run / "metrics")


def test_no_files_no_steps(bare_run):
    assert read_steps(bare_run / "metrics") == {}


def test_verls_main_validation_metric_comes_first():
    steps = {1: {"val-aux/s/acc/mean@1": 0.1, "val-core/s/acc/mean@4": 0.2, "val-core/s/reward/mean@4": 0.3}}
    assert validation_curve(steps, "acc") == [(1, 0.2)]
    assert validation_curve({1: {"val-aux/s/acc/mean@1": 0.1}}, "acc") == [(1, 0.1)]
    assert validation_curve(steps, "format_ok") == []


def test_smoothing_is_centred():
    points = [(step, float(value)) for step, value in enumerate([0, 3, 6, 0, 3])]
    assert smooth(points, 3) == [(0, 0.0), (1, 3.0), (2, 3.0), (3, 3.0), (4, 3.0)]
    assert smooth(points, 1) == points and smooth([], 5) == []
    with pytest.raises(ValueError, match="odd"):
        smooth(points, 2)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_every_point_and_tick_lies_inside_the_drawing(values, first, with_reference):
    points = [(first + step, value) for step, value in enumerate(values)]
    reference = (values[0], "there") if with_reference else None
    chart = line_chart("t", [Series("s", points)], (first, points[-1][0]), reference=reference)
    assert 2 <= len(chart.y_ticks) <= 8 and 1 <= len(chart.x_ticks) <= 9
    for tick in [*chart.y_ticks, *([chart.reference] if chart.reference else [])]:
        assert TOP - 0.1 <= tick.at <= HEIGHT - BOTTOM + 0.1
    for tick in chart.x_ticks:
        assert LEFT - 0.1 <= tick.at <= WIDTH - RIGHT + 0.1
    for mark in chart.lines[0].marks:
        assert LEFT - 0.1 <= mark.x <= WIDTH - RIGHT + 0.1 and TOP - 0.1 <= mark.y <= HEIGHT - BOTTOM + 0.1


def test_shares_stay_between_0_and_100_percent():
    chart = line_chart("t", [Series("s", [(1, 0.0), (2, 1.0)])], (1, 2), percent=True)
    assert [tick.label for tick in chart.y_ticks] == ["0 %", "50 %", "100 %"]
    flat = line_chart("t", [Series("s", [(1, 1.0), (2, 1.0)])], (1, 2), percent=True)
    assert flat.y_ticks[-1].label == "100 %"


def test_nothing_recorded_is_said():
    chart = line_chart("t", [Series("s", [])], (0, 0))
    assert chart.lines == () and chart.summary == "Not recorded."


def test_a_long_noisy_curve_gets_its_mean_and_a_very_long_one_no_marks():
    short, long, longer = (
        line_chart("t", [Series("s", [(i, i % 3) for i in range(n)])], (0, n)).lines for n in (9, 60, 900)
    )
    assert [line.label for line in short] == ["s"]
    assert [line.label for line in long] == ["s", "mean of 5 steps"] and len(long[0].marks) == 60
    assert longer[0].marks == ()
