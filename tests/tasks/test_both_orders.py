"""J4R's both orders in one group: what the agent loop shows, and how the label of a swapped row is read."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from reward_fn.judges.pairwise import pairwise_messages
from rm_train.tasks.both_orders import BothOrders
from rm_train.tasks.labels import pair_label

CONVERSATION = [{"role": "user", "content": "Name a city."}]
LABEL = {"reference": "A", "strength": -2, "length_a": 5, "length_b": 4}


@pytest.fixture
def shown(monkeypatch):
    """Run the loop for an answer of some number; returns the prompt that verl's own loop got, and the extra fields."""

    async def own(self, sampling_params, **kwargs):
        return SimpleNamespace(prompt=kwargs["raw_prompt"], extra_fields={"turn_scores": []})

    monkeypatch.setattr(SingleTurnAgentLoop, "run", own)

    def shown(session):
        row = {"form": "pairwise", "conversation": json.dumps(CONVERSATION), "answers": json.dumps(["Paris", "Oslo"])}
        prompt = pairwise_messages(CONVERSATION, "Paris", "Oslo")
        loop = BothOrders.__new__(BothOrders)
        output = asyncio.run(loop.run({}, raw_prompt=prompt, extra_info=row, session_id=session))
        return output.prompt, output.extra_fields

    return shown


def test_every_second_answer_sees_the_texts_swapped(shown):
    for session in range(4):
        prompt, fields = shown(session)
        texts = ("Oslo", "Paris") if session % 2 else ("Paris", "Oslo")
        assert prompt == pairwise_messages(CONVERSATION, *texts)
        assert fields == {"turn_scores": [], "swapped": bool(session % 2)}


def test_the_label_turns_round_with_the_texts():
    straight, turned = pair_label({**LABEL, "swapped": False}), pair_label({**LABEL, "swapped": True})
    assert (straight.preference, straight.strength, straight.lengths) == ("A", -2, (5, 4))
    assert (turned.preference, turned.strength, turned.lengths) == ("B", 2, (4, 5))
    assert pair_label({"reference": "tie", "swapped": True}).preference == "tie"
