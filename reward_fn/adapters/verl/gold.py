"""Which answer of a row is known to be right: what the preflight tries, and what its config says of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reward_fn.adapters.rows import Place, Row, value_at

_PLACES = ("extra_info.answer", "extra_info.gold", "ground_truth")
"""Where a gold answer is looked for, the first that is a text or a number: verl's GSM8K has worked answers."""

_SLOT = "{gold}"


class PreflightSettings(BaseModel):
    """How the reward is tried before a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=4, ge=1, description="so many training rows, of each route")
    routes: tuple[str, ...] | None = Field(
        default=None, description="the routes whose rewards tell right answers from others; by default all"
    )
    gold: Place | None = Field(
        default=None, description=f"where a row's right answer stands; by default the first there is of {list(_PLACES)}"
    )
    template: str = Field(default=_SLOT, description=f"how a policy would write it, with {_SLOT} for what stands there")

    @field_validator("template")
    @classmethod
    def _has_a_slot(cls, template: str) -> str:
        if _SLOT not in template:
            raise ValueError(f"write {_SLOT} where the right answer goes")
        return template


def gold_answer(row: Row, settings: PreflightSettings) -> str | None:
    """Return the right answer of a row, as a policy would write it; None if the row does not tell it."""
    for place in _PLACES if settings.gold is None else (settings.gold,):
        found = value_at(row, place)
        if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found).strip():
            return settings.template.replace(_SLOT, str(found))
    return None
