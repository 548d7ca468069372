import pytest

from reward_fn.adapters.verl import compute_score_sync


@pytest.fixture(scope="session")
def pay():
    """What verl gets for an answer: `pay(reward, text, label, **fields)`."""

    def paid(reward, text, label, **fields):
        return compute_score_sync("set", text, label, {"index": 0}, reward=reward, **fields)

    return paid
