import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_train.evaluation.pointwise.metrics import Judgment, as_json, compare, from_json, measure

TARGETS = [0, 1, 2, 3, 4, 2, 2, 0, 4, 1]
GUESSES = [1, 1, 2, 4, 4, 3, None, 0, 2, None]


def judged(targets, guesses, **more):
    return [Judgment(t, p, "unparseable" if p is None else None, **more) for t, p in zip(targets, guesses, strict=True)]


scores = st.integers(0, 4)
guesses = st.one_of(st.none(), scores)
some_rows = st.lists(st.tuples(scores, guesses), min_size=1, max_size=40)


def test_figures_computed_by_hand():
    found = measure(judged(TARGETS, GUESSES))
    figures = found.figures
    assert figures.exact.value == 4 / 10
    assert figures.within_one.value == 7 / 10
    assert figures.mean_absolute_error.value == pytest.approx((1 + 0 + 0 + 1 + 0 + 1 + 0 + 2) / 8)
    assert (figures.mean_absolute_error.n, figures.valid.value) == (8, 8 / 10)
    assert figures.spearman.value == pytest.approx(0.8148148, abs=1e-6)  # scipy.stats.spearmanr of the 8 valid pairs
    assert figures.reasons_right.value is None and figures.facts_right.value is None
    assert (found.majority_class, found.majority_share, found.rows) == (2, 3 / 10, 10)
    assert found.failures == {"unparseable": 2}
    assert found.confusion[2] == (0, 0, 1, 1, 0, 1)
    assert sum(map(sum, found.confusion)) == 10


@given(some_rows)
@settings(max_examples=60, deadline=None)
def test_spearman_is_that_of_scipy(rows):
    stats = pytest.importorskip("scipy.stats")
    found = measure(judged(*zip(*rows, strict=True))).figures.spearman.value
    valid = [(t, p) for t, p in rows if p is not None]
    if len({t for t, _ in valid}) < 2 or len({p for _, p in valid}) < 2:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(*zip(*valid, strict=True)).statistic, abs=1e-9)


def test_an_invalid_verdict_is_never_the_score_0():
    found = measure(judged([0, 0, 0, 0], [None] * 4))
    assert found.figures.exact.value == found.figures.within_one.value == found.figures.valid.value == 0
    assert found.figures.mean_absolute_error.value is None and found.figures.spearman.value is None
    assert found.confusion[0] == (0, 0, 0, 0, 0, 4)


def test_reasons_are_counted_where_there_are_facts():
    rows = [Judgment(1, 1, None, True, 1.0), Judgment(1, 1, None, False, 0.5), Judgment(1, 1)]
    figures = measure(rows).figures
    assert (figures.reasons_right.value, figures.reasons_right.n) == (0.5, 2)
    assert (figures.facts_right.value, figures.facts_right.n) == (0.75, 2)


@pytest.mark.parametrize(
    "broken",
    [
        {"target": 5, "predicted": 1},
        {"target": 1, "predicted": -1},
        {"target": 1, "predicted": None},
        {"target": 1, "predicted": 1, "failure": "timeout"},
    ],
)
def test_an_impossible_judgment_is_refused(broken):
    with pytest.raises(ValueError):
        Judgment(**broken)


def test_no_rows_is_an_error():
    with pytest.raises(ValueError, match="no judgments"):
        measure([])
    with pytest.raises(ValueError, match="same rows"):
        compare([], [])


@given(some_rows, st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_does_not_matter_and_figures_keep_their_bounds(rows, rng):
    judgments = [Judgment(t, p, None if p is not None else "truncated", p == t, (p or 0) / 4) for t, p in rows]
    found = measure(judgments)
    assert found == measure(rng.sample(judgments, len(judgments)))
    figures = found.figures
    assert 0 <= figures.exact.value <= figures.within_one.value <= figures.valid.value <= 1
    assert found.majority_share >= 1 / 5
    for name, low, high in (("mean_absolute_error", 0, 4), ("spearman", -1, 1), ("facts_right", 0, 1)):
        value = getattr(figures, name)
        assert value.value is None or low <= value.low <= value.high <= high


@given(st.lists(st.tuples(scores, guesses, guesses), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None)
def test_a_difference_is_after_less_before(rows):
    targets, old, new = zip(*rows, strict=True)
    before, after = judged(targets, old), judged(targets, new)
    change = compare(before, after)
    for name in ("exact", "within_one", "valid", "mean_absolute_error", "spearman"):
        first, second = (getattr(measure(side).figures, name).value for side in (before, after))
        found = getattr(change, name).value
        assert found is None if None in (first, second) else found == pytest.approx(second - first)


def test_the_paired_interval_sees_what_unpaired_ones_cannot():
    rng = random.Random(0)
    targets = [rng.randrange(5) for _ in range(400)]
    old = [t if rng.random() < 0.5 else (t + 2) % 5 for t in targets]
    new = [t if rng.random() < 0.1 else o for t, o in zip(targets, old, strict=True)]
    before, after = judged(targets, old), judged(targets, new)
    assert compare(before, after).exact.excludes_zero
    assert measure(before).figures.exact.high > measure(after).figures.exact.low
    assert compare(before, after).mean_absolute_error.high < 0
    assert compare(before, before).spearman.value == 0


def test_different_rows_have_no_difference():
    with pytest.raises(ValueError, match="same rows"):
        compare(judged([1, 2], [1, 2]), judged([2, 1], [1, 2]))


def test_metrics_survive_json():
    found = measure([*judged(TARGETS, GUESSES), Judgment(3, 3, None, True, 1.0)])
    assert from_json(json.loads(json.dumps(as_json(found)))) == found
    with pytest.raises(ValueError, match="not the metrics"):
        from_json({"rows": 3})
