import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_train.evaluation.intervals import (
    UNDEFINED,
    Estimate,
    mean_difference,
    mean_of_shares,
    percentile_interval,
    resample_table,
    share,
    share_difference,
)


def test_wilson_interval_has_the_published_values():
    # Newcombe (1998), table I: 81 of 263 and 0 of 20, Wilson's score method without continuity correction.
    assert (share(81, 263).low, share(81, 263).high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (share(0, 20).low, share(0, 20).high) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_paired_difference_has_hand_computed_values():
    # 12 gained, 4 lost of 100: (12+1)/102 - (4+1)/102 = 8/102 = 0.078431; the variance is
    # (18/102 - 0.078431**2) / 102 = 0.0016698, and 1.959964 times its root is 0.080089.
    change = share_difference(gained=12, lost=4, n=100)
    assert change.value == pytest.approx(0.08)
    assert (change.low, change.high) == pytest.approx((-0.0016587, 0.1585214), abs=2e-5)
    assert not change.excludes_zero
    assert share_difference(gained=30, lost=4, n=100).excludes_zero


def test_no_changed_row_still_has_a_width():
    change = share_difference(0, 0, 50)
    assert change.value == 0 and change.low < 0 < change.high


def test_nothing_is_undefined_not_zero():
    assert share(0, 0) == share_difference(0, 0, 0) == mean_of_shares(0.0, 0) == UNDEFINED
    assert mean_difference(np.array([])) == UNDEFINED
    assert mean_difference(np.array([0.5])) == Estimate(0.5, None, None, 1)
    assert percentile_interval(np.array([np.nan, np.nan])) == (None, None)
    with pytest.raises(ValueError, match="empty"):
        resample_table(np.zeros((2, 2), dtype=np.int64), seed=0)


def test_mean_difference_is_the_normal_interval():
    # Mean 0.25; sample standard deviation 0.5; 1.959964 * 0.5 / 2 = 0.489991.
    found = mean_difference(np.array([0.0, 0.0, 0.0, 1.0]))
    assert (found.low, found.high) == pytest.approx((0.25 - 0.489991, 0.25 + 0.489991), abs=1e-6)


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval_and_the_interval_in_0_to_1(case):
    hits, n = case
    found = share(hits, n)
    if n:
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_swapping_the_sides_mirrors_the_difference(gained, lost, same):
    n = gained + lost + same
    there, back = share_difference(gained, lost, n), share_difference(lost, gained, n)
    if n:
        assert there.value == -back.value
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
        assert -1 <= there.low <= there.high <= 1


def test_resampled_tables_keep_the_count_and_repeat_with_the_seed():
    table = np.array([[5, 0], [3, 2]])
    drawn = resample_table(table, seed=1)
    assert drawn.shape[1:] == (2, 2) and (drawn.sum(axis=(1, 2)) == 10).all() and (drawn[:, 0, 1] == 0).all()
    assert (drawn == resample_table(table, seed=1)).all() and (drawn != resample_table(table, seed=2)).any()
    assert drawn.mean(axis=0) == pytest.approx(table, abs=0.2)
