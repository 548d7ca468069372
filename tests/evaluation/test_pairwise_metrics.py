import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_pairs import judgment, pair

from reward_fn.judges.pairwise import swapped
from rm_train.evaluation.intervals import share
from rm_train.evaluation.pairwise.judgment import PairJudgment
from rm_train.evaluation.pairwise.metrics import as_json, compare, from_json, measure
from rm_train.evaluation.pairwise.pairs import pairs_of

# Truth as it stands in the data, the verdicts on both orders, and the longer answer as it stands in the data.
EXAMPLE = [
    *pair("p", "A", "AB", longer="A"),  # right in both orders
    *pair("q", "A", "AA", longer="B"),  # A both times: right, then wrong
    *pair("r", "B", "AB", longer="B"),  # the wrong answer both times
    *pair("s", "tie", "tt"),  # right in both orders; of one length
    *pair("t", "B", "-A", longer="A"),  # not readable, then right
    *pair("u", "tie", "At", longer="A"),  # wrong, then right
    *pair("v", "B", "B", longer="B"),  # one order only, right
]

preferences = st.sampled_from(["A", "B", "tie"])
verdicts = st.sampled_from("ABt-")
some_pairs = st.lists(
    st.tuples(
        preferences,
        st.one_of(st.tuples(verdicts), st.tuples(verdicts, verdicts)),
        st.sampled_from(["A", "B", None]),
        st.sampled_from([None, 1, 2, 3]),
    ),
    min_size=1,
    max_size=20,
)


def rows_of(pairs):
    return [
        row
        for number, (true, said, longer, strength) in enumerate(pairs)
        for row in pair(number, true, "".join(said), longer, strength=0 if true == "tie" and strength else strength)
    ]


def test_figures_computed_by_hand():
    found = measure(EXAMPLE)
    values = {name: getattr(found.figures, name) for name in found.figures.__slots__}
    assert (found.rows, found.pairs, found.single_rows) == (13, 6, 1)
    expected = {
        "both_right": (2 / 6, 6),  # p, s
        "accuracy": (8 / 13, 13),  # p p, q, s s, t, u, v
        "accuracy_order_0": (4 / 7, 7),  # p, q, s, v
        "accuracy_order_1": (4 / 6, 6),  # p, s, t, u
        "consistent": (3 / 6, 6),  # p, r, s
        "a_rate": (6 / 9, 9),  # A: p, q q, r, t, u; B: p, r, v
        "a_excess": (6 / 9 - 4 / 9, 9),  # the truth is A in p, q, r', t' and B in p', q', r, t, v
        # Verdicts for the longer one: p p', q' (A is the longer one there), u, v; for the shorter one: q, r, r', t'.
        "longer_rate": (5 / 9, 9),
        "longer_excess": (5 / 9 - 5 / 9, 9),  # the longer one is better in p p', r r', v, the shorter one in q q', t t'
        "accuracy_longer_better": (3 / 5, 5),  # p p', v of p p' r r' v
        "accuracy_shorter_better": (2 / 4, 4),  # q, t' of q q' t t'
        "tie_rate": (3 / 12, 12),
        "accuracy_ties": (3 / 4, 4),
        "valid": (12 / 13, 13),
        "reasons_right": (None, 0),
        "facts_right": (None, 0),
    }
    for name, (value, n) in expected.items():
        assert (values[name].value, values[name].n) == (pytest.approx(value), n), name
    assert (found.truth.a, found.truth.longer, found.truth.ties) == pytest.approx((4 / 9, 5 / 9, 4 / 13))
    assert found.rules == pytest.approx({"longer": 5 / 13, "shorter": 4 / 13, "tie": 4 / 13})
    assert found.best_rule == ("longer", found.rules["longer"])
    # Truth A: p right; q right; r' the wrong B; t' right. Truth B: p' B; q' A; r A; t not readable; v B.
    assert found.confusion == ((3, 1, 0, 0), (2, 2, 0, 1), (1, 0, 3, 0))
    assert found.failures == {"unparseable": 1}
    assert found.figures.both_right == share(2, 6) and found.figures.consistent == share(3, 6)


def test_by_strength():
    rows = [*pair(1, "A", "AB", strength=3), *pair(2, "B", "BB", strength=3), *pair(3, "tie", "tt", strength=0)]
    ties, strong = measure([*rows, *pair(4, "A", "BA")]).by_strength
    assert (ties.strength, ties.pairs, ties.both_right.value, ties.accuracy.value) == (0, 1, 1.0, 1.0)
    assert (strong.strength, strong.pairs, strong.both_right.value, strong.accuracy.value) == (3, 2, 0.5, 0.75)


def test_reasons_are_counted_where_there_are_facts():
    rows = [
        judgment("A", "A", 0, "p", reason_right=True, fact_accuracy=1.0),
        judgment("B", "A", 1, "p", reason_right=False, fact_accuracy=0.5),
        judgment("A", "A", 0, "q"),
    ]
    figures = measure(rows).figures
    assert (figures.reasons_right.value, figures.reasons_right.n) == (0.5, 2)
    assert (figures.facts_right.value, figures.facts_right.n) == (0.75, 2)


def test_an_invalid_verdict_is_no_tie_and_agrees_with_none():
    figures = measure([*pair(1, "tie", "--"), *pair(2, "tie", "--")]).figures
    assert figures.both_right.value == figures.consistent.value == figures.valid.value == 0
    assert figures.accuracy_ties.value == 0 and figures.tie_rate.value is None and figures.a_rate.value is None


def test_one_place_always():
    found = measure([row for number in range(50) for row in pair(number, "AB"[number % 2], "AA", longer="A")])
    figures = found.figures
    assert figures.both_right.value == figures.consistent.value == 0 and figures.accuracy.value == 0.5
    assert (figures.a_rate.value, figures.a_excess.value, found.truth.a) == (1.0, 0.5, 0.5)
    # No resample differs, and yet 50 pairs leave something open: Wilson's interval of 50 of 50.
    assert figures.a_rate.low == pytest.approx(share(50, 50).low) and figures.a_excess.low > 0.4
    assert (figures.longer_rate.value, figures.longer_excess.value) == (0.5, 0.0)


def test_few_pairs_that_are_alike_prove_little():
    before, after = pair(1, "tie", "AB"), pair(1, "tie", "tt")
    others = [row for number in range(2, 100) for row in pair(number, "A", "AB")]
    change = compare([*before, *others], [*after, *others])
    # One tie, asked twice: the change of its share is that of one pair, whatever the other pairs do.
    assert change.accuracy_ties.value == 1 and not change.accuracy_ties.excludes_zero
    assert change.accuracy_longer_better.value is None
    ties = measure([*after, *others]).figures.accuracy_ties
    assert (ties.value, ties.low) == (1.0, pytest.approx(share(1, 1).low))


def test_the_interval_is_over_pairs():
    # Both verdicts of a pair are right or both are wrong, so 100 rows tell no more than 50 pairs.
    rows = [row for number in range(50) for row in pair(number, "A", "AB" if number % 2 else "BA")]
    accuracy = measure(rows).figures.accuracy
    assert accuracy.high - accuracy.low == pytest.approx(share(25, 50).high - share(25, 50).low, abs=0.03)


def other_places(rows):
    """The same judge of the same pairs, if everything named A were named B."""
    return [
        PairJudgment(
            pair_id=row.pair_id,
            order=1 - row.order,
            target=swapped(row.target),
            predicted=row.predicted and swapped(row.predicted),
            failure=row.failure,
            longer=row.longer and swapped(row.longer),
            strength=row.strength,
        )
        for row in rows
    ]


@given(some_pairs)
@settings(max_examples=40, deadline=None)
def test_swapping_all_rows_swaps_the_places_and_nothing_else(pairs):
    rows = rows_of(pairs)
    one, other = measure(rows), measure(other_places(rows))
    # Resamples are drawn of other counts then, so only the bounds that are not drawn are the same to the last digit.
    assert one.figures.both_right == other.figures.both_right and one.figures.consistent == other.figures.consistent
    for name in ("accuracy", "longer_rate", "longer_excess", "tie_rate", "accuracy_ties", "valid"):
        first, second = getattr(one.figures, name), getattr(other.figures, name)
        assert (first.value, first.n) == (second.value, second.n)
    assert one.figures.accuracy_order_0 == other.figures.accuracy_order_1
    if one.figures.a_rate.value is not None:
        assert one.figures.a_rate.value == pytest.approx(1 - other.figures.a_rate.value)
        if one.figures.a_excess.value is not None:
            assert one.figures.a_excess.value == pytest.approx(-other.figures.a_excess.value)
    (a, b, tie), (c, d, e) = one.confusion, other.confusion
    assert (c, d, e) == ((b[1], b[0], b[2], b[3]), (a[1], a[0], a[2], a[3]), (tie[1], tie[0], tie[2], tie[3]))
    assert one.rules == other.rules
    assert [part.both_right for part in one.by_strength] == [part.both_right for part in other.by_strength]


@given(some_pairs, st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_does_not_matter_and_figures_keep_their_bounds(pairs, rng):
    rows = rows_of(pairs)
    found = measure(rows)
    assert found == measure(rng.sample(rows, len(rows)))
    assert sum(map(sum, found.confusion)) == found.rows == 2 * found.pairs + found.single_rows
    figures = found.figures
    for name in figures.__slots__:
        estimate, least = getattr(figures, name), -1 if name.endswith("excess") else 0
        if estimate.value is not None:
            # A share of a few pairs may lie outside what resampling them gives, but not outside what there is.
            assert least <= estimate.low <= estimate.high <= 1 and least <= estimate.value <= 1
    if found.pairs:
        assert figures.both_right.value <= figures.consistent.value
    assert from_json(json.loads(json.dumps(as_json(found)))) == found


@given(some_pairs, st.randoms())
@settings(max_examples=15, deadline=None)
def test_a_difference_is_after_less_before(pairs, rng):
    before = rows_of(pairs)
    after = rows_of([(true, rng.choices("ABt-", k=len(said)), *rest) for true, said, *rest in pairs])
    change = compare(before, after)
    figures = [measure(side).figures for side in (before, after)]
    for name in change.__slots__:
        first, second = (getattr(side, name).value for side in figures)
        found = getattr(change, name).value
        assert found is None if None in (first, second) else found == pytest.approx(second - first)
    nothing = compare(before, before)
    assert nothing.accuracy.value == 0 and nothing.accuracy.low < 0 < nothing.accuracy.high


def test_a_clear_change_is_clear():
    before = [row for number in range(200) for row in pair(number, "AB"[number % 2], "AA")]
    after = [row for number in range(200) for row in pair(number, "AB"[number % 2], ("AB", "BA")[number % 2])]
    change = compare(before, after)
    assert change.both_right.low > 0.9 and change.accuracy.value == 0.5 and change.a_rate.high < 0
    assert not change.valid.excludes_zero


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no judgments"),
        ([judgment("A", "A"), judgment("A", "A")], r"orders \[0, 0\]"),
        ([judgment("A", "A", 2)], r"orders \[2\]"),
        ([judgment("A", "A", 0), judgment("A", "A", 1)], "contradict each other: A and A"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        measure(rows)


def test_different_rows_have_no_difference():
    for before, after in (([], []), (pair(1, "A", "AB"), pair(1, "B", "AB")), (pair(1, "A", "AB"), pair(2, "A", "AB"))):
        with pytest.raises(ValueError, match="same rows"):
            compare(before, after)


@pytest.mark.parametrize(
    "broken",
    [
        {"target": "C", "predicted": "A"},
        {"target": "A", "predicted": "a"},
        {"target": "A", "predicted": None},
        {"target": "A", "predicted": "A", "failure": "timeout"},
    ],
)
def test_an_impossible_judgment_is_refused(broken):
    with pytest.raises(ValueError):
        PairJudgment(pair_id="p", order=0, **broken)


def test_other_metrics_are_refused():
    with pytest.raises(ValueError, match="not the metrics of an evaluation of pairs"):
        from_json({"rows": 3})


def test_pairs_keep_their_order():
    rows = [*pair("b", "A", "AB"), *pair("a", "A", "A"), *pair("c", "A", "AB")]
    assert [[row.order for row in group] for group in pairs_of(rows[::-1])] == [[0, 1], [0], [0, 1]]
    assert [group[0].pair_id for group in pairs_of(rows)] == ["b", "a", "c"]
