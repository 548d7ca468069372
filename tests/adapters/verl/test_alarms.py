"""Each alarm on runs that show its sign, and silence on a healthy one."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.adapters.verl.alarms import Alarms, AlarmSettings, Batch, repeated_share

WINDOW, PROMPTS, N = 6, 32, 8
GROUPS = np.repeat(np.arange(PROMPTS), N)


def batch(rng, step, **changed):
    """A healthy batch: two parts with a say each, lengths that mean nothing, prompts of different difficulty."""
    hard = np.repeat(rng.normal(0, 1, PROMPTS), N)
    form, judge = (rng.normal(0.5, 0.2, PROMPTS * N) for _ in range(2))
    parts = {"form": form, "judge": judge + 0.01 * step}
    parts |= changed.pop("parts", {})
    fields = {
        "groups": GROUPS, "scores": sum(parts.values()) + hard, "parts": parts,
        "lengths": rng.integers(10, 200, PROMPTS * N).astype(float) + 50 * hard, "identical": 0.05,
    }  # fmt: skip
    return Batch(**(fields | changed))


def run(change=lambda rng, step: {}, steps=3 * WINDOW, **settings):
    """Show the alarms a run; returns the signs of its last batch."""
    rng = np.random.default_rng(0)
    alarms = Alarms(AlarmSettings(window=WINDOW, **settings))
    for step in range(1, steps + 1):
        signs = alarms.watch(step, batch(rng, step, **change(rng, step)))
    return signs


def test_a_healthy_run_is_quiet(caplog):
    signs = run()
    assert not caplog.records
    assert signs.keys() == {"spread", "length", "identical", "dominance", "saturated"}
    assert signs["spread"] > 0.5 and abs(signs["length"]) < 0.2 and signs["dominance"] < 0.8
    assert signs["saturated"] == 0


def spread(rng, step):
    return {"scores": rng.normal(0, 1.0 if step < 4 else 0.01, PROMPTS * N)}


def dominance(rng, step):
    judge = rng.normal(0.5, 0.2, PROMPTS * N)
    return {"parts": {"judge": judge, "form": np.ones(PROMPTS * N)}, "scores": judge * 0.8}


def length(rng, step):
    lengths = rng.integers(10, 200, PROMPTS * N).astype(float)
    return {"lengths": lengths, "scores": lengths / 100 + rng.normal(0, 0.2, PROMPTS * N)}


def identical(rng, step):
    return {"identical": 0.7}


def saturated(rng, step):
    return {"parts": {"form": np.ones(PROMPTS * N), "judge": rng.normal(0.5 - 0.03 * step, 0.2, PROMPTS * N)}}


@pytest.mark.parametrize(
    ("sign", "change", "said"),
    [
        ("spread", spread, "nearly alike"),
        ("dominance", dominance, "one part explains 100% of the reward"),
        ("length", length, "longer answers are paid more"),
        ("identical", identical, "70% of the answers repeat"),
        ("saturated", saturated, "one part is at its top for all answers, and another has fallen by 0."),
    ],
)
def test_a_sign_is_warned_of_once(sign, change, said, caplog):
    # What is not looked at here may not ring.
    quiet = {"spread": 0.0, "dominance": 1.0, "length": 1.0, "identical": 1.0, "saturated": 99.0}
    del quiet[sign]
    run(change, **quiet)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert said in record.getMessage() and record.getMessage().startswith("step ")
    assert f"over {WINDOW} steps" in record.getMessage()


def test_a_sign_that_was_gone_is_warned_of_again(caplog):
    def change(rng, step):
        return {"identical": 0.9 if step <= 8 or step > 20 else 0.0}

    run(change, steps=30)
    assert [record.getMessage().split(",")[0] for record in caplog.records] == ["step 6", "step 24"]


def test_the_difficulty_of_prompts_is_no_sign(caplog):
    """Long answers to easy prompts are no leak: only answers to the same prompt are compared."""

    def change(rng, step):
        easy = np.repeat(rng.normal(0, 1, PROMPTS), N)
        return {"scores": easy + rng.normal(0, 0.1, PROMPTS * N), "lengths": 100 + 30 * easy}

    assert abs(run(change, dominance=1.0)["length"]) < 0.05
    assert not caplog.records


def test_rewards_of_one_part_and_empty_batches():
    alarms = Alarms(AlarmSettings())
    one = Batch(GROUPS[:8], np.arange(8.0), np.arange(8.0), {}, 0.0)
    assert alarms.watch(1, one) == pytest.approx({"spread": 1, "length": 1, "identical": 0})
    nothing = np.array([])
    assert alarms.watch(2, Batch(nothing, nothing, nothing, {}, 0.0)) == {}


@given(st.lists(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=6), max_size=6))
def test_repeated_share(groups):
    share = repeated_share(groups)
    assert 0 <= share <= 1
    several = [group for group in groups if len(group) > 1]
    if several and all(len(set(group)) == 1 for group in several):
        assert share == 1
    if all(len(set(group)) == len(group) for group in groups):
        assert share == 0


def test_repeated_share_of_a_known_group():
    assert repeated_share([[b"a", b"a", b"b", b"c"], [b"x", b"y"]]) == pytest.approx((1 / 3 + 0) / 2)
