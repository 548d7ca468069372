"""An agent loop of verl's that shows a pair in both orders within one group (J4R's EIS-GRPO, arXiv 2505.13346).

The orders are equivalent states: an answer's advantage is then measured against answers to the other order too, and a
judge that goes by the place of an answer loses half of its group. Every second answer to a row is asked for with the
texts swapped, and says so in `extra_info.swapped`, which turns the row's label round (`rm_train/tasks/labels.py`).
"""

from __future__ import annotations

import json
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from reward_fn.judges.forms import PAIR_FORMS


@register("both_orders")
class BothOrders(SingleTurnAgentLoop):  # type: ignore[misc]
    """A single turn, about a row of pairs as it is or swapped."""

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:  # noqa: ANN401 - verl's
        """Do as verl's own; of the answers to one row, those with an odd number see the texts swapped."""
        swapped = bool(kwargs["session_id"] % 2)
        if swapped:
            row = kwargs["extra_info"]
            first, second = json.loads(row["answers"])
            form = PAIR_FORMS[row["form"]]
            kwargs["raw_prompt"] = form.messages(json.loads(row["conversation"]), (second, first))
        output = await super().run(sampling_params, **kwargs)
        output.extra_fields["swapped"] = swapped
        return output
