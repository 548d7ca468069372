"""Numbers by value."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.rules.text.numbers import NumberAccuracyReward, numbers
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

NAME = "number_accuracy"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234.5", [1234.5]),
        ("-3 or \u22124 (+5)", [-3, -4, 5]),
        ("x-3, 3-5, f(2)-1", [3, 3, 5, 2, 1]),
        ("2024-05-17", [2024, 5, 17]),
        ("1.5e3, 2E-2, 1e9x", [1500, 0.02, 1]),
        ("1.5 \u00d7 10^3 and 2 \\times 10^{-1}", [1500, 0.2]),
        ("50% or 12.5 \\%", [0.5, 0.125]),
        ("version 1.2.3, 10.0.0.1", []),
        ("1,2,3 [4,-5]", [1, 2, 3, 4, -5]),
        ("GPT4 a1 x_2", []),
        ("$5, 3kg, 5. Then .5 and -.25", [5, 3, 5, 0.5, -0.25]),
        ("-$5, $-6, \u2212\u20ac1,000.5, x-$7", [-5, -6, -1000.5, 7]),
        ("(a,5) 1/2 12:30", [5, 1, 2, 12, 30]),
        ("...7", [7]),
        ("", []),
        ("1,23", [1, 23]),
    ],
)
def test_numbers_are_read_as_people_write_them(text, values):
    assert [float(value) for value in numbers(text)] == pytest.approx(values)


def test_numbers_beyond_floats_are_exact():
    digits = "1" * 400
    assert numbers(f"{digits} 1e400 -{digits}") == [Decimal(digits), Decimal("1e400"), Decimal(f"-{digits}")]


@pytest.mark.parametrize(
    ("answer", "reference", "fields", "score"),
    [
        ("Step 1: 42", "42", {}, 1),
        ("Step 1: 42", "42", {"measure": "f1"}, 2 / 3),
        ("Step 1: 42", "42", {"measure": "precision"}, 0.5),
        ("3 and 2 and 1", "1, 2, 3", {}, 1),
        ("2", "2 and 2", {}, 0.5),
        ("1234.5", "1,234.5", {}, 1),
        ("1.0000001", "1", {}, 1),
        ("1.1", "1", {}, 0),
        ("1.1", "1", {"relative_tolerance": 0.2}, 1),
        ("nothing", "1", {}, 0),
        ("1" * 400, "1" * 400, {}, 1),
        ("1" * 399 + "2", "1" * 400, {}, 0),
        ("-" + "1" * 399 + "2", "-" + "1" * 400, {}, 0),
        ("1" * 60 + "0" * 340, "1" * 400, {}, 0),
        ("1" * 60 + "0" * 340, "1" * 400, {"relative_tolerance": 1e-9}, 1),
        ("-" + "9" * 400, "-1e400", {"relative_tolerance": 1e-9}, 1),
        ("1e400", "1e400", {}, 1),
        ("1e999999999 -1e9999999", "-1e9999999, 1e999999999", {"relative_tolerance": 0.1}, 1),
        ("1e-999999999", "0", {}, 1),
        ("1e-999999999", "0", {"tolerance": 0}, 0),
        ("0e999999999", "0", {"tolerance": 0}, 1),
        ("0.1", "0.10000000000000000000", {"tolerance": 0}, 1),
        ("100e-24", "1e-22", {"tolerance": 0}, 1),
        ("1000000000000000000000000", "1e24", {"tolerance": 0}, 1),
        ("0.1234567890123456", "0.1234567890123457", {"tolerance": 0}, 0),
        ("50%", "0.5", {}, 1),
        ("7", ["5", "7"], {}, 1),
    ],
)
def test_matches_are_counted_by_value_and_not_by_place(scored, answer, reference, fields, score):
    assert scored(NAME, answer, reference, **fields).score == pytest.approx(score)


@pytest.mark.parametrize("reference", ["", "none", None])
def test_a_reference_without_numbers_is_a_failure(scored, reference):
    assert scored(NAME, "", reference).failure.kind is FailureKind.BAD_INPUT


@given(
    st.lists(st.integers(-(10**20), 10**20) | st.decimals(-1000, 1000, places=3), min_size=1, max_size=6), st.randoms()
)
def test_every_number_that_is_written_is_found_in_any_order(values, random):
    shuffled = random.sample(values, len(values))
    assert sorted(
        numbers(" ; ".join(f"{value:f}" if isinstance(value, Decimal) else str(value) for value in shuffled))
    ) == sorted(float(value) if len(str(abs(value))) <= 15 else Decimal(value) for value in values)


@given(st.lists(st.integers(-20, 20), max_size=8), st.lists(st.integers(-20, 20), min_size=1, max_size=8),
       st.integers(0, 5), st.sampled_from([0, 0.25]))  # fmt: skip
def test_no_other_pairing_matches_more_numbers(found, wanted, tolerance, relative):
    reward = NumberAccuracyReward(tolerance=tolerance, relative_tolerance=relative)
    answer, reference = " ".join(map(str, found)), " ".join(map(str, wanted))
    sample = DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": reference}))])
    assert reward.score(sample)[0].score == pytest.approx(
        most_pairs([[abs(a - b) <= max(tolerance, relative * abs(b)) for a in found] for b in wanted]) / len(wanted)
    )


def most_pairs(fits):
    """The largest matching, by augmenting paths."""
    partner = {}

    def placed(row, seen):
        for column, fit in enumerate(fits[row]):
            if fit and column not in seen:
                seen.add(column)
                if column not in partner or placed(partner[column], seen):
                    partner[column] = row
                    return True
        return False

    return sum(placed(row, set()) for row in range(len(fits)))


@pytest.mark.parametrize(
    "unit", ["1 ", "1", "-", "1,", "1.", "+1,234.5e6 ", "1e-999999999 ", "1" * 17 + " ", "1\t", "1 \\times 10^{"]
)
def test_the_longest_text_that_is_scored_takes_no_time(scored, unit):
    text = unit * (200_000 // len(unit))
    began = time.process_time()
    scored(NAME, text, "1", relative_tolerance=0.1)
    scored(NAME, "1", text, relative_tolerance=0.1)
    assert time.process_time() - began < 3


def test_a_text_that_is_too_long_is_a_score_and_a_reference_a_failure(scored):
    reason = "200,001 characters, and max_characters is 200,000"
    result = scored(NAME, "1" * 200_001, "1")
    assert result.score == 0 and reason in result.details[0].reason
    assert reason in scored(NAME, "1", "1" * 200_001).failure.detail
    assert scored(NAME, "1" * 200_001, "1", max_characters=10**6).score == 0
