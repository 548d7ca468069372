"""Numbers by value."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.rules.text.numbers import numbers
from reward_fn.schema import FailureKind

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
        ("...7", [7]),
        ("", []),
        ("1,23", [1, 23]),
    ],
)
def test_numbers_are_read_as_people_write_them(text, values):
    assert [float(value) for value in numbers(text)] == pytest.approx(values)


def test_numbers_beyond_floats_are_exact():
    digits = "1" * 400
    assert numbers(f"{digits} 1e400") == [Decimal(digits), Decimal("1e400")]


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
        ("1e400", "1e400", {}, 1),
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
