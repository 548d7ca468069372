"""JSON of the shape that was asked for."""

import json
import time

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_fn.rules.format.json_schema import JsonSchemaReward
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("answer", "score", "reason"),
    [
        ('{"n": 3}', 1, "valid"),
        ('So:\n```json\n{"n": 3}\n```\nDone.', 1, "valid"),
        ('```\r\n{"n": 3}', 1, "valid"),
        ('```python\nx = {}\n```\nThe JSON:\n```JSON\n{"n": 3}\n```', 1, "valid"),
        ('```\nnone\n```\n```json\n{"n": 3}\n```', 1, "valid"),
        ('- so\n  ~~~~ json\n  {"n": 3}\n  ~~~~', 1, "valid"),
        ('```json\n{"n": 0}\n```\n```json\n{"n": 3}\n```', 0, "$.n: 0 is less than the minimum of 1"),
        ("{}", 0, "'n' is a required property"),
        ("[]", 0, "is not of type 'object'"),
        ('{"n": true}', 0, "is not of type 'integer'"),
        ('{"n": 3} ok', 0, "not JSON: Extra data"),
        ('{"n": NaN}', 0, "not JSON: NaN is not JSON"),
        ("{'n': 3}", 0, "not JSON"),
        ("", 0, "not JSON"),
        ("```json", 0, "not JSON"),
        ("[" * 40_000, 0, "nested too deeply"),
    ],
)
def test_the_answer_fits_the_schema_or_the_first_fault_is_named(scored, answer, score, reason):
    result = scored("json_schema", answer, json_schema=SCHEMA)
    assert result.score == score and reason in result.details[0].reason


def test_a_fence_may_be_refused(scored):
    assert scored("json_schema", '```json\n{"n": 3}\n```', json_schema=SCHEMA, allow_fence=False).score == 0


def test_a_schema_that_is_none_is_refused_with_its_place():
    with pytest.raises(ValidationError, match=r"json_schema is no JSON Schema: .* at \$\.type"):
        JsonSchemaReward(json_schema={"type": "objekt"})


def test_a_schema_that_nests_itself_is_no_error(scored):
    nested = {"type": "array", "items": {"$ref": "#"}}
    assert scored("json_schema", "[[[]]]", json_schema=nested).score == 1
    assert scored("json_schema", "[" * 900 + "]" * 900, json_schema=nested).score == 0


def test_nothing_is_fetched_for_a_reference(scored):
    failure = scored("json_schema", "1", json_schema={"$ref": "http://127.0.0.1:1/schema"}).failure
    assert failure.kind is FailureKind.BAD_INPUT
    assert failure.detail == "the schema refers to 'http://127.0.0.1:1/schema', which is not in it"


EVIL = "^(a|aa)+$"


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"pattern": EVIL}, "a" * 60 + "!"),
        ({"patternProperties": {EVIL: {}}}, {"a" * 60 + "!": 1}),
        ({"additionalProperties": False, "patternProperties": {EVIL: {}}}, {"a" * 60 + "!": 1}),
        ({"items": {"pattern": "^(a|aa)+$|!"}}, ["a" * 20 + "!"] * 1000),
    ],
)
def test_all_patterns_together_have_a_time_limit(scored, schema, content):
    began = time.process_time()
    result = scored("json_schema", json.dumps(content), json_schema=schema, timeout_s=0.05)
    assert result.score == 0 and "patterns took longer than 0.05 s" in result.details[0].reason
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"uniqueItems": True}, [{"a": number} for number in range(3500)]),
        ({"prefixItems": [{}], "contains": {"type": "integer"}, "unevaluatedItems": False}, [1] * 16_000),
        ({"patternProperties": {"1": {}}, "unevaluatedProperties": False}, {str(number): 1 for number in range(4000)}),
    ],
)
def test_many_items_take_no_quadratic_time(scored, schema, content):
    began = time.process_time()
    result = scored("json_schema", json.dumps(content), json_schema=schema)
    assert result.score == 1 or "2,000 at most are looked at" in result.details[0].reason
    assert time.process_time() - began < 1


def test_json_that_is_too_long_is_unreadable_and_a_long_answer_around_it_is_not(scored):
    result = scored("json_schema", "1" * 50_001, json_schema={})
    assert result.score == 0 and "max_characters is 50,000" in result.details[0].reason
    assert scored("json_schema", "thoughts\n" * 9000 + "```json\n1\n```", json_schema={}).score == 1


@pytest.mark.parametrize(
    ("number", "divisor", "score"),
    [("0.3", 0.1, 1), ("0.35", 0.1, 0), ("1e308", 1e-3, 1), ("1e400", 3, 0), ("7" * 400, 7, 1), ("7" * 400, 0.5, 1)],
)
def test_multiples_are_told_by_their_digits(scored, number, divisor, score):
    assert scored("json_schema", number, json_schema={"multipleOf": divisor}).score == score


SCHEMAS = [
    {"uniqueItems": True},
    {"items": {"uniqueItems": True}},
    {"pattern": "a"},
    {"patternProperties": {"a": {"type": "integer"}}},
    {"properties": {"a": {}}, "additionalProperties": False},
    {"properties": {"a": {}}, "patternProperties": {"b": {}}, "additionalProperties": {"type": "string"}},
    {"properties": {"a": {}}, "unevaluatedProperties": False},
    {"prefixItems": [{}], "unevaluatedItems": {"type": "null"}},
    {"multipleOf": 2},
    {"$schema": "http://json-schema.org/draft-07/schema#", "uniqueItems": True, "additionalProperties": False},
]
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 2.5]) | st.text("ab", max_size=2)
CONTENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
)


@given(st.sampled_from(SCHEMAS), CONTENTS)
def test_it_agrees_with_the_package_jsonschema(schema, content):
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    sample = DataSample(output=[DataOutput(answer=Step(content=json.dumps(content)))])
    (result,) = JsonSchemaReward(json_schema=schema).score(sample)
    assert result.score == kind(schema).is_valid(content)
