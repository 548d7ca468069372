"""Whether an answer is JSON of the shape that was asked for."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, RewardResult

_FENCE = re.compile(r"^```[ \t]*(?:json|JSON)?[ \t]*\r?\n", re.MULTILINE)


class JsonSchemaReward(BasePointWiseReward):
    """Whether the answer is JSON that fits a JSON Schema.

    The answer is the JSON itself, or has it in its first fenced block if `allow_fence` is set. The dialect is the
    schema's `$schema`, 2020-12 without one. A `pattern` in the schema is run by Python's `re`, without a time limit.
    """

    formula: ClassVar[str] = "1 if the JSON is valid, else 0"
    source: ClassVar[str] = "JSON Schema 2020-12; PyPI jsonschema"

    name: str = "json_schema"
    json_schema: dict[str, Any] = Field(description="the schema")
    allow_fence: bool = Field(True, description="whether the JSON may stand in a fenced block, with text around it")

    _schema_text: str = PrivateAttr()

    @model_validator(mode="after")
    def _known(self) -> Self:
        self._schema_text = json.dumps(self.json_schema)
        try:
            _validator(self._schema_text)
        except needed("jsonschema.exceptions").SchemaError as error:
            raise ValueError(f"json_schema is no JSON Schema: {error.message} at {error.json_path}") from error
        return self

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        fault = self._fault(answer_text(sample))
        return RewardResult.of(self.name, float(fault is None), fault or "the JSON is valid")

    def _fault(self, text: str) -> str | None:
        try:
            content = json.loads(self._json(text))
        except ValueError as error:
            return f"not JSON: {error}"[:200]
        except RecursionError:
            return "not JSON: nested too deeply"
        try:
            first = next(_validator(self._schema_text).iter_errors(content), None)
        except RecursionError:
            return "nested too deeply"
        return f"{first.json_path}: {first.message}"[:200] if first else None

    def _json(self, text: str) -> str:
        fence = _FENCE.search(text) if self.allow_fence else None
        if fence is None:
            return text
        end = text.find("\n```", fence.end() - 1)
        return text[fence.end() : end if end >= 0 else None]


@lru_cache(maxsize=64)
def _validator(schema_text: str) -> Any:  # noqa: ANN401 - jsonschema has no types
    validators, schema = needed("jsonschema.validators"), json.loads(schema_text)
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    kind.check_schema(schema)
    return kind(schema)
