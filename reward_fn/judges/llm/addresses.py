"""Where a model is served: several URLs and keys for one client."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self


def _is_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no URL; write http://… or https://…, up to /v1")
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_is_url)]
"""The URL of an API, up to /v1."""


class Address(BaseModel):
    """One of several places where a model is served."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Url = Field(description="where the API is, up to /v1")
    api_key_env: str = Field(
        "", description="the name of the environment variable that has the key; empty for servers that want none"
    )
    weight: float = Field(1.0, gt=0, description="its share of the requests, beside the weights of the others")

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        name = self.api_key_env
        if name and not name.isidentifier():
            raise ValueError("api_key_env is the name of an environment variable, such as JUDGE_KEY, and not the key")
        if name and not self.api_key:
            raise ValueError(f"the environment has no {name}, which api_key_env names")
        return self

    @property
    def api_key(self) -> str:
        """The key, as the environment has it now."""
        return os.environ.get(self.api_key_env, "")
