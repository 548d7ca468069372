"""Two data sources with a reward each, one of which fails now and then: what verl trains on, and what it logs."""

from collections import defaultdict

import pytest

from reward_fn.adapters.verl.group_mean import ALL_FAILED

ROUTES = {"digests": "plugged_rewards:DigestReward", "matches": {"reward": "string_match", "mode": "contains"}}


@pytest.mark.slow
def test_failed_answers_train_on_the_mean_of_their_group_and_everything_is_logged(run):
    done = run({"routes": ROUTES, "on_failure": "group_mean"}, "algorithm.adv_estimator=grpo")
    assert done.code == 0, done.output[-5000:]
    scored, trained, metrics = done.scored(), done.trained(), done.metrics()
    assert scored.keys() == trained.keys() and len(scored) == 2 * 4 * 4
    failed = {key for key, line in scored.items() if line["numbers"]["failed"]}
    assert failed, "the digests of the answers should make some fail"

    groups = defaultdict(dict)
    for (step, uid, session), score in trained.items():
        groups[step, uid][session] = score
    for (step, uid), scores in groups.items():
        lines = {session: scored[step, uid, session] for session in scores}
        good = [line["numbers"]["score"] for line in lines.values() if not line["numbers"]["failed"]]
        for session, line in lines.items():
            if line["numbers"]["failed"]:
                assert line["failure"] == ["timeout", "this one fails"]
                expected = sum(good) / len(good) if good else ALL_FAILED
            else:
                total = sum(line["answer"].encode())
                matches = float(line["ground_truth"] in line["answer"])
                expected = total % 7 / 6 if line["data_source"] == "digests" else matches
            assert scores[session] == pytest.approx(expected, abs=1e-6)

    # verl computes its advantages of these scores.
    for step in (1, 2):
        advantages = [
            (score - mean) / (deviation + 1e-6)
            for (of, _), scores in groups.items()
            if of == step
            for mean, deviation in [moments(list(scores.values()))]
            for score in scores.values()
        ]
        assert metrics[step]["critic/advantages/max"] == pytest.approx(max(advantages), abs=1e-4)
        assert metrics[step]["critic/advantages/min"] == pytest.approx(min(advantages), abs=1e-4)

    board = tensorboard(done.folder / "tensorboard")
    for step in (1, 2):
        of_step = [line["numbers"] for key, line in scored.items() if key[0] == step]
        assert board[step, "reward/failed/mean"] == pytest.approx(mean_of(line["failed"] for line in of_step), abs=1e-6)
        for place, route in enumerate(ROUTES):
            known = [line["score"] for line in of_step if line["route"] == place and not line["failed"]]
            assert board[step, f"reward/{route}/score/mean"] == pytest.approx(mean_of(known), abs=1e-6)
            assert board[step, f"reward/{route}/score/max"] == pytest.approx(max(known), abs=1e-6)
            assert (step, f"reward/{route}/alarm/length") in board
        assert (
            0
            < board[step, "reward/seconds/p50"]
            <= board[step, "reward/seconds/p99"]
            <= board[step, "reward/seconds/max"]
        )
        took = {key: metrics[step][f"reward/{key}"] for key in ("tokens/sum", "cost/sum", "work_seconds/max")}
        assert set(took.values()) == {0} and metrics[step]["reward/in_flight/max"] >= 1
        assert metrics[step]["reward/digests/queue_seconds/p95"] == 0
        cluster = {key: metrics[step][f"reward/cluster/{key}"] for key in ("processes", "gone", "unanswered")}
        assert cluster["gone"] == cluster["unanswered"] == 0
        assert cluster["processes"] >= step - 1  # the first report may be later than the first step
        assert board.get((step, "reward/failed/timeout"), 0) == board[step, "reward/failed/mean"]


def moments(values):
    mean = sum(values) / len(values)
    return mean, (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5


def mean_of(values):
    values = list(values)
    return sum(values) / len(values)


def tensorboard(folder):
    """Read all numbers: (step, name) -> value."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {(event.step, tag): event.value for tag in events.Tags()["scalars"] for event in events.Scalars(tag)}
