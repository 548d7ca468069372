import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_train.evaluation.pointwise.reasons import fact_accuracy, parse_facts, reason_is_right

FACTS = {"city": True, "day": False, "price": True, "animal": False}
RIGHT = "city yes, day no, price yes, animal no"


@pytest.mark.parametrize(
    "reason", [RIGHT, "animal no, city yes, day no, price yes", " city yes,day no,price yes,animal no"]
)
def test_right_in_any_order(reason):
    assert reason_is_right(reason, FACTS) and fact_accuracy(reason, FACTS) == 1


@pytest.mark.parametrize(
    ("reason", "share"),
    [
        ("city yes, day yes, price yes, animal no", 0.75),
        ("city yes, day no, price yes", 0.75),
        (RIGHT + ", tool no", 1.0),
        (RIGHT + ", day no", 0.75),
        (RIGHT + ", day yes", 0.75),
        (RIGHT + ", and well done", 1.0),
        (RIGHT + ",", 1.0),
        ("city, day, price, animal", 0.0),
        ("city yes day no price yes animal no", 0.0),
        ("City yes, day no, price yes, animal no", 0.75),
        ("", 0.0),
    ],
)
def test_wrong_in_anything_is_wrong(reason, share):
    assert not reason_is_right(reason, FACTS)
    assert fact_accuracy(reason, FACTS) == share


@given(st.text(), st.dictionaries(st.sampled_from(list(FACTS)), st.booleans(), min_size=1))
def test_any_text_gets_an_answer(reason, facts):
    assert 0 <= fact_accuracy(reason, facts) <= 1
    assert not reason_is_right(reason, facts) or fact_accuracy(reason, facts) == 1


def test_facts_are_read_strictly():
    assert parse_facts('{"city": true, "day": false}') == {"city": True, "day": False}
    assert parse_facts("") is None and parse_facts("{}") is None
    for broken in ('{"city": 1}', "[true]", "{city: true}"):
        with pytest.raises(ValueError):
            parse_facts(broken)
    with pytest.raises(ValueError, match="no facts"):
        fact_accuracy("city yes", {})
