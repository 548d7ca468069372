"""Which answer of a row is known to be right: what the preflight tries, and what its config says of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from reward_fn.adapters.rows import Place, Row, value_at

_PLACES = ("extra_info.answer", "extra_info.gold", "ground_truth")
"""Where a gold answer is looked for, the first that is a text or a number: verl's GSM8K has worked answers."""


class PreflightSettings(BaseModel):
    """How the reward is tried before a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=4, ge=1, description="so many training rows, of each route")
    gold: Place | None = Field(
        default=None, description=f"where a row's right answer stands; by default the first there is of {list(_PLACES)}"
    )


def gold_answer(row: Row, place: Place | None) -> str | None:
    """Return the right answer of a row, as a policy would write it; None if it has none.

    Args:
        row: The row.
        place: Where it stands; None looks in the usual places.
    """
    for one in _PLACES if place is None else (place,):
        found = value_at(row, one)
        if isinstance(found, str) and found.strip():
            return found
        if isinstance(found, int | float) and not isinstance(found, bool):
            return str(found)
    return None
