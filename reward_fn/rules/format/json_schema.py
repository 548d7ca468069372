"""Whether an answer is JSON of the shape that was asked for."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self

from reward_fn.base import BaseRuleReward
from reward_fn.rules.fences import fenced
from reward_fn.rules.format.schema_keywords import bounded_keywords, time_limit
from reward_fn.rules.format.strict_json import parsed
from reward_fn.rules.references import refuse_long
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult


class JsonSchemaReward(BaseRuleReward):
    """Whether the answer is JSON that fits a JSON Schema.

    The answer is the JSON itself, or has it in a fenced block if `allow_fence` is set: in the first one of json, else
    in the first one without a language. The dialect is the schema's `$schema`, 2020-12 without one; `format` is not
    checked, and nothing is fetched for a `$ref`. Patterns are run by the package `regex`, within `timeout_s`, but for
    those that `unevaluatedProperties` looks at.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "1 if the JSON is valid, else 0"
    source: ClassVar[str] = "JSON Schema 2020-12; PyPI jsonschema"

    name: str = "json_schema"
    json_schema: dict[str, Any] = Field(description="the schema")
    allow_fence: bool = Field(True, description="whether the JSON may stand in a fenced block, with text around it")
    max_characters: int = Field(50_000, ge=1, description="characters of the longest JSON that is read")
    timeout_s: float = Field(0.1, gt=0, description="seconds that the schema's patterns may take on one answer")

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
        text = self._json(self._answer(sample))
        refuse_long(text, self.max_characters, "the JSON")
        fault = self._fault(text)
        return RewardResult.of(self.name, float(fault is None), fault or "the JSON is valid")

    def _fault(self, text: str) -> str | None:
        try:
            content = parsed(text)
        except ValueError as error:
            return f"not JSON: {error}"[:200]
        try:
            with time_limit(self.timeout_s):
                first = next(_validator(self._schema_text).iter_errors(content), None)
        except RecursionError:
            return "nested too deeply"
        except needed("referencing.exceptions").Unresolvable as error:
            detail = f"the schema refers to {error.ref!r}, which is not in it"
            raise RewardError(FailureKind.BAD_INPUT, detail) from error
        return f"{first.json_path}: {first.message}"[:200] if first else None

    def _json(self, text: str) -> str:
        if not self.allow_fence:
            return text
        blocks = [block for block in fenced(text) if block[0] in ("json", "")]
        return next((content for language, content in blocks if language), blocks[0][1] if blocks else text)


@lru_cache(maxsize=64)
def _validator(schema_text: str) -> Any:  # noqa: ANN401 - jsonschema has no types
    validators, schema = needed("jsonschema.validators"), json.loads(schema_text)
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    kind.check_schema(schema)
    bounded = validators.extend(kind, bounded_keywords(kind.VALIDATORS))
    return bounded(schema, registry=needed("referencing").Registry())
