"""Two thousand judgments by an endpoint that does all that endpoints do wrong."""

import hashlib
import random
from collections import Counter

from scripted_endpoint import BROKEN, HANG, RESET, prompt_of

from reward_fn import RewardRegistry
from reward_fn.judges.llm import line
from reward_fn.schema import ChatMessage, DataOutput, DataSample, FailureKind, Step

FAULTS = {
    "429": (429, {"error": {"message": "slow down"}}),
    "500": (500, {"error": {"message": "oops"}}),
    "hang": HANG,
    "reset": RESET,
    "broken": BROKEN,
    "garbage": "I think it is quite good, 4 of 4!",
}
SAMPLES, RETRIES, REASK = 2000, 2, 1


def truth(text):
    return hashlib.sha256(text.encode()).digest()[0] % 3


def test_every_judgment_has_its_right_score_or_a_failure_and_none_is_asked_too_often(endpoint, llm_of, monkeypatch):
    monkeypatch.setattr(line, "_FIRST_PAUSE_S", 0.01)
    chance, asked = random.Random(0), Counter()
    drawn = [*FAULTS.values()] + [None] * 4  # a tenth each

    def script(body):
        number = prompt_of(body).split("NUMBER ")[1].split(" ")[0]
        asked[number] += 1
        fault = chance.choice(drawn)
        numbers = [1, 2][: truth(number)]
        return f"<reason>r</reason><violated>{numbers}</violated>" if fault is None else fault

    llm = llm_of(script, max_retries=RETRIES, timeout=2.0, max_concurrency=256)
    reward = RewardRegistry.get("pointwise_principles")(llm=llm, principles=["A: a", "B: b"], reask=REASK)
    samples = [
        DataSample(input=[ChatMessage(content=f"NUMBER {n} ")], output=[DataOutput(answer=Step(content="x"))])
        for n in range(SAMPLES)
    ]
    results = [result for (result,) in reward.score_batch(samples)]
    assert len(results) == SAMPLES
    kinds = Counter(result.failure.kind if result.failure else "score" for result in results)
    for number, result in enumerate(results):
        if result.failure is None:
            assert result.score == 1 - truth(str(number)) / 2
        else:
            assert result.score is None
    allowed = {"score", FailureKind.RATE_LIMIT, FailureKind.SERVER_ERROR, FailureKind.TIMEOUT, FailureKind.CONNECTION,
               FailureKind.UNPARSEABLE}  # fmt: skip
    assert set(kinds) == allowed
    assert kinds["score"] > 0.5 * SAMPLES
    assert max(asked.values()) <= (1 + RETRIES) * (1 + REASK)
    # A busy machine may not take a connection in time; such a request was sent, and reached nobody.
    assert sum(asked.values()) <= llm.usage.requests <= SAMPLES * (1 + RETRIES) * (1 + REASK)
    assert endpoint.in_flight == 0
