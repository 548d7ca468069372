"""Mathematical equality, the same from wherever it is asked."""

import asyncio
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

math_verify = pytest.importorskip("math_verify")
NAME = "math_verify_reward"


def sample_of(answer, reference):
    return DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": reference}))])


def score_of(sample):
    return sample.output[0].answer.reward.score


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        (r"so \boxed{\frac{1}{2}}", "0.5", 1),
        ("the answer is 42", "42", 1),
        ("the answer is 41", "42", 0),
        ("$x^2+2x+1$", "$(x+1)^2$", 1),
        (r"\boxed{[1,2]}", "$[1,2]$", 1),
        (r"$\{3,1,2\}$", r"$\{1,2,3\}$", 1),
        ("1,234", "1234", 1),
        ("no number at all", "42", 0),
        ("", "42", 0),
        (r"\boxed{7}", ["5", "7"], 1),
    ],
)
def test_equal_expressions_are_equal(scored, answer, reference, score):
    assert scored(NAME, answer, reference).score == score


@pytest.mark.parametrize("reference", ["", None])
def test_a_reference_without_an_answer_is_a_failure_even_for_an_empty_response(scored, reference):
    assert scored(NAME, "", reference).failure.kind is FailureKind.BAD_INPUT


def generated(count):
    """Answers with known truth, and whether each is right."""
    rng = random.Random(0)
    cases = []
    for _ in range(count):
        a, b, right = rng.randint(1, 999), rng.randint(2, 99), rng.random() < 0.5
        forms = [f"\\boxed{{\\frac{{{a}}}{{{b}}}}}", f"${a}/{b}$", f"$\\frac{{{2 * a}}}{{{2 * b}}}$"]
        reference = f"\\frac{{{a if right else a + 1}}}{{{b}}}"
        cases.append((sample_of(f"Thus {rng.choice(forms)}", f"${reference}$"), float(right)))
    return cases


def test_300_of_300_agree_alone_in_a_batch_in_threads_and_in_a_loop():
    cases = generated(300)
    samples, truth = [sample for sample, _ in cases], [right for _, right in cases]
    reward = RewardRegistry.get(NAME)()
    assert [score_of(reward.evaluate(sample)) for sample in samples] == truth
    assert [score_of(sample) for sample in reward.evaluate_batch(samples)] == truth
    with ThreadPoolExecutor(4) as threads:
        assert [score_of(sample) for sample in threads.map(reward.evaluate, samples)] == truth
    assert [score_of(sample) for sample in asyncio.run(reward.aevaluate_batch(samples))] == truth


def test_it_says_what_math_verify_itself_says_in_a_main_thread():
    reward = RewardRegistry.get(NAME)()
    for answer, reference in ((r"$\sqrt{8}$", r"$2\sqrt{2}$"), ("$0.333333$", r"$\frac{1}{3}$"), ("$x=3$", "$3$")):
        expected = math_verify.verify(math_verify.parse(reference), math_verify.parse(answer))
        assert score_of(reward.evaluate(sample_of(answer, reference))) == float(expected)


def test_an_answer_that_takes_too_long_is_a_score_while_the_others_finish():
    # An integral that sympy works on for minutes: nothing about it can be told at once.
    endless = sample_of(r"\boxed{\int_0^{\infty} \frac{\sin(x^3) e^{\cos x}}{x^{7} + \sqrt{x} + 1} dx}", r"\sqrt{2}")
    fine = [sample_of(rf"\boxed{{\sqrt{{{4 * n}}}}}", rf"2\sqrt{{{n}}}") for n in range(2, 22)]
    began = time.monotonic()
    done = RewardRegistry.get(NAME)(timeout_s=1).evaluate_batch([endless, *fine])
    assert time.monotonic() - began < 20
    assert score_of(done[0]) == 0.0
    assert "took longer" in done[0].output[0].answer.reward.details[0].reason
    assert [score_of(sample) for sample in done[1:]] == [1.0] * 20


def test_a_gold_that_takes_too_long_is_a_failure_of_its_row():
    gold = r"\int_0^{\infty} \frac{\sin(x^3) e^{\cos x}}{x^{7} + \sqrt{x} + 1} dx"
    (result,) = RewardRegistry.get(NAME)(timeout_s=1).score(
        sample_of(r"\boxed{\sqrt{2}}", gold).changed(unique_id="17")
    )
    assert result.failure.kind is FailureKind.BAD_INPUT
    assert "row 17" in result.failure.detail


PIECES = [
    r"\frac{", "}", "{", r"\boxed{", "1", "2", "x", "+", "-", "^", "(", ")", "[", "]", ",", "=", r"\pi", " ", r"\sqrt",
    r"\text{", "$", "%", r"\%", " or ", " not ", "The answer is ", "\n", ".", "\\", r"\left", r"\{", r"\}", "∞", "½",
    "²", r"\ldots", "|", "<", r"\cup", r"\pm", "!", "e", "i", "sin", "/", "*", "_", "&", r"\\", "1e9", "<answer>",
    "答案是", "</think>", "####", "A: ", "wait, ", "km", ":", "'",
]  # fmt: skip
"""What answers are made of."""


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=60),
    st.sampled_from(["42", r"\frac{1}{2}", "x+1", "(1,2)", "[1,2)", r"\{1,2\}", "B", "1,2", r"\text{even}", "10%"]),
    st.booleans(),
)
def test_any_response_is_a_score(text, gold, boxed):
    sample = sample_of(rf"\boxed{{{text}}}" if boxed else text, gold)
    (result,) = RewardRegistry.get(NAME)(timeout_s=2).score(sample)
    assert result.failure is None, result.failure
    assert result.score in (0.0, 1.0)


GOLDS = st.recursive(
    st.integers(-999, 999).map(str) | st.sampled_from(["x", "n", r"\pi", "0.5", r"\sqrt{2}", "e"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: rf"\frac{{{pair[0]}}}{{{pair[1]}}}"),
        st.tuples(inner, inner).map(" + ".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}, {pair[1]})"),
        inner.map(lambda one: rf"\sqrt{{{one}}}"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(GOLDS, st.sampled_from(["{}", "${}$", r"\({}\)", r"\left.{}\right.", r"\displaystyle {}", " {} "]))
def test_a_gold_in_a_box_is_paid_however_it_is_wrapped(gold, wrapping):
    answer = r"So we get $\boxed{" + wrapping.replace("{}", gold) + "}$."
    (result,) = RewardRegistry.get(NAME)().score(sample_of(answer, gold))
    assert result.score == 1.0, result


@pytest.mark.timeout(120)
def test_a_ray_actor_gets_the_same(monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.syspath_prepend(Path(__file__).parent)
    from ray_judge import Judge

    variables = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ray.init("local", num_cpus=2, include_dashboard=False, logging_level="ERROR", runtime_env={"env_vars": variables})
    try:
        samples = [sample_of(f"\\boxed{{{n}}}", str(n + n % 2)) for n in range(10)]
        expected = [float(n % 2 == 0) for n in range(10)]
        assert ray.get(ray.remote(Judge).remote().scores.remote(samples)) == [expected, expected]
    finally:
        ray.shutdown()
