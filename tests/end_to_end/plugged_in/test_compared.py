"""Answers that are compared by a judge, in a run of stock verl with several reward workers."""

import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "plug_in"))
from judge_endpoint import open_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def server():
    server = open_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_each_group_is_judged_once(run, server):
    llm = {"model": "judge", "base_url": f"http://127.0.0.1:{server.server_address[1]}/v1"}
    judge = {"reward": "pairwise_principles", "llm": llm, "principles": ["Brief: it says no more than was asked"]}
    kwargs = {"reward": "tournament", "of": judge, "schedule": "circular"}
    sizes = ["reward.num_workers=3", "actor_rollout_ref.rollout.val_kwargs.n=4"]
    done = run(kwargs, "algorithm.adv_estimator=grpo", *sizes)
    assert done.code == 0, done.output[-5000:]
    groups = {}
    for (_, uid, _), line in done.scored().items():
        groups.setdefault(uid, []).append(line["numbers"]["score"])
    assert len(groups) == 8 and all(sum(scores) == pytest.approx(2) for scores in groups.values())
    # Four pairs of a group in both orders.
    assert server.asked == 8 * 4 * 2
