"""Quantiles from counts are as near as they say, and sketches add up and can be subtracted."""

import math

from hypothesis import given
from hypothesis import strategies as st

from reward_fn.hosting.sketch import ERROR, SMALLEST, Sketch

SECONDS = st.floats(min_value=SMALLEST, max_value=1e6)
VALUES = st.lists(SECONDS, min_size=1, max_size=60)


def sketch_of(values):
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def exact(values, share):
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@given(VALUES, st.floats(0, 1))
def test_a_quantile_is_off_by_no_more_than_it_says(values, share):
    right = exact(values, share)
    assert abs(sketch_of(values).quantile(share) - right) <= right * (ERROR + 1e-9)


@given(VALUES, VALUES)
def test_the_sum_is_the_sketch_of_both_and_the_difference_of_what_has_come(first, second):
    both = sketch_of([*first, *second])
    assert sketch_of(first) + sketch_of(second) == both
    assert both - sketch_of(first) == sketch_of(second)
    assert sum(count for _, count in both.values()) == len(first) + len(second)


def test_nothing_has_no_quantile_and_zero_is_small():
    assert Sketch().quantile(0.5) == 0
    assert 0 < sketch_of([0.0]).quantile(1.0) <= 1.1 * SMALLEST
