"""JSON of the shape that was asked for."""

import pytest
from pydantic import ValidationError

from reward_fn.rules.format.json_schema import JsonSchemaReward

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("answer", "score", "reason"),
    [
        ('{"n": 3}', 1, "valid"),
        ('So:\n```json\n{"n": 3}\n```\nDone.', 1, "valid"),
        ('```\r\n{"n": 3}', 1, "valid"),
        ('{"n": 0}', 0, "$.n: 0 is less than the minimum of 1"),
        ("{}", 0, "'n' is a required property"),
        ("[]", 0, "is not of type 'object'"),
        ('{"n": 3} ok', 0, "not JSON: Extra data"),
        ("", 0, "not JSON"),
        ("[" * 100_000, 0, "nested too deeply"),
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
