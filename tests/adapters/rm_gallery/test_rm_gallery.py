"""Rewards of the real RM-Gallery 0.1.7 as ours, in another environment than the tests'.

The environment is a virtual one that has RM-Gallery and finds what that imports where the tests have it.
"""

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

from reward_fn.loading import RewardConfigError, load_reward
from reward_fn.registry import RewardRegistry
from reward_fn.schema import ChatMessage, DataOutput, DataSample, FailureKind, MessageRole, Step

PACKAGES = ["rm-gallery==0.1.7", "loguru", "retry", "decorator", "py"]
"""RM-Gallery, and what it imports that the tests' environment lacks."""
OWN = '''\
from loguru import logger
from rm_gallery.core.reward.base import BaseListWiseReward, BasePointWiseReward
from rm_gallery.core.reward.schema import RewardDimensionWithScore, RewardResult


class Number(BasePointWiseReward):
    """The answer as a number."""

    name: str = "number"

    def _evaluate(self, sample, **kwargs):
        print("to standard output")
        score = float(sample.output[0].answer.content)
        parts = [RewardDimensionWithScore(name=part, score=score, reason=part) for part in ("a", "b")]
        return RewardResult(name=self.name, details=parts, extra_data={"name": "x", "asked": sample.input[0].content})


class Silent(BasePointWiseReward):
    name: str = "silent"

    def _evaluate(self, sample, **kwargs):
        logger.error("the judge is down")
        return RewardResult(name=self.name)


class Ranks(BaseListWiseReward):
    name: str = "ranks"

    def _evaluate(self, sample, **kwargs):
        return RewardResult(name=self.name)
'''
CASES = [
    ("accuracy", {}, " two moons ", "two moons"),
    ("accuracy", {}, "two", "two moons"),
    ("f1_score", {"tokenizer_type": "simple"}, "Mars has two moons", "two moons"),
    ("rouge", {}, "Mars has two moons", "two small moons"),
    ("number_accuracy", {}, "1 and 2.5 and 4", "1 and 2.5 and 3"),
    ("math_verify_reward", {}, "so \\boxed{\\frac{1}{2}}", "\\boxed{0.5}"),
    ("math_verify_reward", {}, "so \\boxed{3}", "\\boxed{0.5}"),
    ("code_syntax_check", {}, "```python\nx = 1\n```\n```python\nx =\n```", ""),
    ("code_style", {}, "```python\ndef someName():\n    return 1\n```", ""),
    ("code_patch_similarity", {}, "- a\n+ b", "- a\n+ c"),
    ("reasoning_format", {}, "<think>a</think><answer>b</answer>", ""),
    ("reasoning_tool_call_format", {}, "<think>a</think>\n<answer>b</answer>", ""),
    ("length_penalty", {"min_length": 5, "penalty_rate": 0.5}, "abc", ""),
    ("ngram_repetition_penalty", {"tokenizer_type": "simple"}, "a b c a b c a b c a b c", ""),
    ("privacy_leakage", {}, "Write to jane.doe@example.com or 10.1.2.3.", ""),
]
DIRECTLY = """\
import json, sys
import rm_gallery
from rm_gallery.core.data.schema import DataOutput, DataSample, Step
from rm_gallery.core.reward.registry import RewardRegistry
scores = []
for name, params, answer, reference in json.loads(sys.argv[1]):
    step = Step(role="assistant", content=answer, label={"reference": reference})
    sample = RewardRegistry.get(name)(**params).evaluate(DataSample(unique_id="1", output=[DataOutput(answer=step)]))
    scores.append(sample.output[0].answer.reward.score)
print(json.dumps(scores))
"""


@pytest.fixture(scope="module")
def packages(request):
    """A folder with RM-Gallery, fetched once and kept in pytest's cache."""
    folder = request.config.cache.mkdir("rm-gallery-0.1.7") / f"py{sys.version_info.minor}"
    if not (folder / "ready").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, *PACKAGES]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"RM-Gallery cannot be fetched: {done.stderr[-500:]}")
        (folder / "ready").touch()
    return folder


@pytest.fixture(scope="module")
def python(packages, tmp_path_factory):
    """The Python of an environment with RM-Gallery, and with a module of a user's own rewards."""
    home = tmp_path_factory.mktemp("gallery")
    venv.create(home, with_pip=False, symlinks=True)
    (home / "own_rewards.py").write_text(OWN)
    places = [str(packages), str(home), sysconfig.get_path("purelib")]
    site = home / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (site / "places.pth").write_text("\n".join(places))
    return str(home / "bin" / "python")


def sample(*answers, **label):
    outputs = [DataOutput(answer=Step(content=answer, label=label)) for answer in answers]
    return DataSample(input=[ChatMessage(content="How many moons has Mars?")], output=outputs)


@pytest.fixture
def scored(python):
    """Score an answer by a reward of RM-Gallery's."""

    def scored(name, answer, params=None, timeout_s=20.0, **label):
        reward = RewardRegistry.get("rm_gallery")(rule=name, params=params or {}, python=python, timeout_s=timeout_s)
        (result,) = reward.score(sample(answer, **label))
        return result

    return scored


def test_its_rules_score_as_they_do_without_us(scored, python, tmp_path):
    done = subprocess.run(
        [python, "-c", DIRECTLY, json.dumps(CASES)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = json.loads(done.stdout.splitlines()[-1])
    results = [scored(name, answer, params, reference=reference) for name, params, answer, reference in CASES]
    assert [result.score for result in results] == expected
    assert len(set(expected)) > 6
    assert all(result.details[0].reason for result in results)


def test_a_users_own_reward(scored, capfd):
    result = scored("own_rewards:Number", "2.5")
    assert result.score == 2.5
    assert [(part.name, part.reason) for part in result.details] == [("rm_gallery", "a; b")]
    assert result.extra_data == {"name": "x", "asked": "How many moons has Mars?"}
    assert not capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "answer", "label", "kind", "detail"),
    [
        ("accuracy", "x", {"reference": None}, FailureKind.CRASH, "AttributeError: 'NoneType' object has no attribute"),
        ("accuracy", None, {"reference": "x"}, FailureKind.CRASH, "AttributeError: 'NoneType' object has no attribute"),
        ("own_rewards:Number", "nan", {}, FailureKind.CRASH, "ValueError: a score is a finite number, not nan"),
        ("own_rewards:Silent", "x", {}, FailureKind.CRASH, "gave no details: the judge is down"),
        ("detoxify_reward", "x", {}, FailureKind.CRASH, "gave no details: Error in Detoxify evaluation: No module"),
        ("code_execution", "print(1)", {"inputs_outputs": {"inputs": [""], "outputs": ["1"]}}, FailureKind.CRASH,
         "made a score of an exception: Code testing framework not available"),
        ("acuracy", "x", {}, FailureKind.UNAVAILABLE, "no reward called 'acuracy'; there are: accuracy"),
        ("own_rewards:None_", "x", {}, FailureKind.UNAVAILABLE, "there is no own_rewards:None_"),
        ("own_rewards:Ranks", "x", {}, FailureKind.UNAVAILABLE, "does not score one answer at a time"),
        ("base_honesty_pointwise", "x", {}, FailureKind.UNAVAILABLE, "asks an LLM, and takes a reply that it cannot"),
    ],
)  # fmt: skip
def test_what_it_swallows_or_cannot_do_is_a_failure(scored, name, answer, label, kind, detail):
    result = scored(name, answer, **label)
    assert result.score is None
    assert result.failure.kind is kind
    assert detail in result.failure.detail


def test_wrong_fields_are_told(scored):
    failure = scored("length_penalty", "x", {"min_length": "short"}).failure
    assert failure.kind is FailureKind.UNAVAILABLE
    assert 'length_penalty cannot be made with {"min_length": "short"}' in failure.detail


def test_a_message_that_it_does_not_know_is_bad_input(python):
    reward = RewardRegistry.get("rm_gallery")(rule="accuracy", python=python)
    asked = sample("x").changed(input=[ChatMessage(role=MessageRole.TOOL, content="4")])
    (result,) = reward.score(asked)
    assert result.failure.kind is FailureKind.BAD_INPUT
    assert "input.0.role" in result.failure.detail


def test_a_rule_that_hangs_ends_and_touches_no_other(scored, python):
    reward = RewardRegistry.get("rm_gallery")(rule="reasoning_tool_call_format", python=python, timeout_s=1.0)
    hangs = "<think>a</think>" + "<tool_call>{}</tool_call>" * 28 + "x"
    first, second = reward.score(sample(hangs, "<think>a</think>\n<answer>b</answer>"))
    assert first.failure.kind is FailureKind.TIMEOUT
    assert second.score == 1.0


def test_mathematics_does_not_depend_on_the_thread(python):
    """RM-Gallery's own `evaluate_batch` gives 0 to all of them."""
    reward = RewardRegistry.get("rm_gallery")(rule="math_verify_reward", python=python, timeout_s=20.0)
    right = sample("\\boxed{2}", reference="\\boxed{2}")

    async def inside():
        return await reward.ascore_batch([right] * 4)

    assert [result.score for (result,) in asyncio.run(asyncio.to_thread(reward.score_batch, [right] * 4))] == [1.0] * 4
    assert [result.score for (result,) in asyncio.run(inside())] == [1.0] * 4


def test_in_a_mix_from_a_file(python, tmp_path):
    theirs = {"reward": "rm_gallery", "rule": "length_penalty", "params": {"min_length": 4}, "python": python}
    parts = {"theirs": theirs, "ours": {"reward": "string_match"}}
    (tmp_path / "mix.yaml").write_text(json.dumps({"reward": "weighted_sum", "parts": parts}))
    (result,) = load_reward(tmp_path / "mix.yaml").score(sample("two", reference="two"))
    assert {part.name: part.score for part in result.details} == {"theirs": -0.01, "ours": 1.0}


def test_it_leaves_nothing_behind(packages, tmp_path):
    """In the environment of the tests, by a process of its own: no log folder, no output, no temporary folder."""
    code = (
        "import sys\n"
        "from reward_fn.registry import RewardRegistry\n"
        "from reward_fn.schema import DataOutput, DataSample, Step\n"
        "reward = RewardRegistry.get('rm_gallery')(rule='accuracy', timeout_s=30)\n"
        "output = DataOutput(answer=Step(content='x', label={'reference': 'x'}))\n"
        "score = reward.score(DataSample(output=[output]))[0].score\n"
        "print(score, 'rm_gallery' in sys.modules, 'loguru' in sys.modules)\n"
    )
    (tmp_path / "temporary").mkdir()
    root = str(Path(__file__).parents[3])
    environment = {"PYTHONPATH": os.pathsep.join([root, str(packages)]), "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1.0 False False\n", "")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["temporary"]


@pytest.mark.skipif(find_spec("rm_gallery") is not None, reason="RM-Gallery is installed")
def test_where_it_is_not_installed_the_failure_says_what_to_do():
    (result,) = RewardRegistry.get("rm_gallery")(rule="accuracy").score(sample("x", reference="x"))
    assert result.failure.kind is FailureKind.UNAVAILABLE
    assert result.failure.detail.startswith("RM-Gallery cannot be imported: No module named 'rm_gallery'; install it")
    assert "`pip install rm-gallery==0.1.7`" in result.failure.detail


def test_a_python_that_is_none_is_refused_at_once():
    with pytest.raises(RewardConfigError, match="python: /nowhere/python is no program"):
        load_reward({"reward": "rm_gallery", "rule": "accuracy", "python": "/nowhere/python"})
