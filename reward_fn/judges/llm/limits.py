"""What an endpoint may be sent, as its users say it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Self


class Limits(BaseModel):
    """The limits of one model behind one URL and key. What is not given is not limited."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0, description="of questions and answers together")
    max_in_flight: int | None = Field(default=None, ge=1, description="requests that wait for their answer at a time")
    out_after: int | None = Field(
        default=None, ge=1, description="failures in a row after which nothing is sent for a while"
    )

    def strictest(self, other: Self) -> Self:
        """Return limits that keep both."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in type(self).model_fields}
        given = {name: [value for value in pair if value is not None] for name, pair in pairs.items()}
        return type(self)(**{name: min(values) for name, values in given.items() if values})
