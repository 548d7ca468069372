"""`reward_func_of`, in a user's file that is loaded and called as OpenRLHF 0.11 does it."""

import asyncio
import importlib.util
import sys

import pytest
import torch

from reward_fn.adapters.openrlhf import reward_func_of
from reward_fn.adapters.openrlhf.scorer import Scorer, ScoringFailedError
from reward_fn.adapters.rows import SampleFields
from reward_fn.base import BaseRuleReward
from reward_fn.loading import RewardConfigError
from reward_fn.schema import RewardResult

PROMPT = "<|im_start|>user\nHow many moons has Mars?<|im_end|>\n<|im_start|>assistant\n"
MIX = """\
reward: weighted_sum
parts:
  match: {reward: string_match, mode: contains}
  short: {reward: length_penalty, min_length: 0, max_length: 20, penalty_rate: 0.1}
"""
LOGS = {"reward/match", "reward/short", "reward/failed", "reward/seconds"}


def loaded(path):
    """Load a file as OpenRLHF's `SingleTurnAgentExecutor` does."""
    spec = importlib.util.spec_from_file_location("reward_func", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reward_func


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mix.yaml").write_text(MIX)
    written = tmp_path / "reward.py"
    written.write_text(
        "from pathlib import Path\n\n"
        "from reward_fn.adapters.openrlhf import reward_func_of\n\n"
        'reward_func = reward_func_of(Path(__file__).with_name("mix.yaml"), scores="match")\n'
    )
    return written


def test_a_users_file(file):
    """One question in a thread at a time, and what OpenRLHF makes of the reply."""
    reward_func = loaded(file)

    async def ask(answer, label):
        return await asyncio.to_thread(reward_func, [f"{PROMPT}{answer}<|im_end|>"], [PROMPT], [label])

    async def both():
        return await asyncio.gather(ask("It has two moons.", "two moons"), ask("One, I think, or so.", "two moons"))

    right, wrong = asyncio.run(both())
    for reply, match in ((right, 1.0), (wrong, 0.0)):
        assert torch.tensor([reply["rewards"]]).tolist() == [match / 2]
        assert torch.tensor([reply["scores"]]).tolist() == [match]
        assert reply["extra_logs"].keys() == LOGS
        info = {key: value.flatten()[0].item() for key, value in reply["extra_logs"].items()}
        assert (info["reward/match"], info["reward/failed"]) == (match, 0.0)


def test_batches_as_older_versions_ask(file):
    queries = [f"{PROMPT}two moons</s>", f"{PROMPT}none</s>"]
    reply = loaded(file)(queries=queries, prompts=[PROMPT] * 2, labels=["two moons"] * 2, unknown=1)
    assert reply["rewards"].dtype == torch.float32
    assert reply["rewards"].tolist() == [0.5, 0.0]


def test_a_failure_is_raised_or_gets_the_number_that_was_named(tmp_path):
    asked = [f"{PROMPT}two", f"{PROMPT}two"], [PROMPT] * 2, ["two", ""]
    with pytest.raises(
        ScoringFailedError, match=r"1 of 2 answers have no score \(1 x bad_input\); the first: .*missing"
    ):
        reward_func_of("string_match")(*asked)
    reply = reward_func_of("string_match", on_failure="constant:-1")(*asked)
    assert reply["rewards"].tolist() == [1.0, -1.0]
    assert reply["extra_logs"]["reward/failed"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("two<|im_end|>", "two"),
        ("two<|im_end|>\n<|endoftext|>\n", "two"),
        ("two\n", "two\n"),
        ("a </s> b</s>", "a </s> b"),
        ("", ""),
        ("<|im_end|>", ""),
    ],
)
def test_what_is_judged_is_the_answer_without_its_prompt_and_its_end(query, answer):
    (sample,) = Scorer("string_match")._units([PROMPT + query], [PROMPT], ["x"])
    assert sample.output[0].answer.content == answer
    assert sample.input[0].content == PROMPT


def test_a_prompt_that_was_cut_is_a_failure():
    with pytest.raises(ScoringFailedError, match="does not start with its prompt, which may have been cut"):
        reward_func_of("string_match")([f"{PROMPT[20:]}two"], [PROMPT], ["two"])


def test_labels_with_more_than_the_answer():
    fields = SampleFields(reference="ground_truth.answer", conversation="ground_truth.messages")
    label = {"answer": 2, "messages": [{"role": "user", "content": "How many moons has Mars?"}]}
    (sample,) = Scorer("string_match", fields=fields, data_source="moons")._units([f"{PROMPT}2"], [PROMPT], [label])
    assert sample.output[0].answer.label == {"reference": "2"}
    assert [message.content for message in sample.input] == ["How many moons has Mars?"]
    assert sample.source == "moons"


@pytest.mark.parametrize(
    ("reward", "options", "message"),
    [
        ("string_macth", {}, "did you mean string_match"),
        ("string_match", {"on_failure": "zero"}, "on_failure: write raise, or constant:X with a number, not 'zero'"),
        ("string_match", {"on_failure": "constant:nan"}, "on_failure: write raise"),
        ("string_match", {"scores": "match"}, "scores: there is no part 'match'"),
        ("safety_listwise_reward", {}, r"compares answers \(listwise\), and OpenRLHF asks for each alone"),
    ],
)
def test_what_cannot_work_is_refused_when_the_file_is_loaded(reward, options, message):
    described = {"reward": reward, "llm": {"model": "m", "api_key": "none"}} if "listwise" in reward else reward
    with pytest.raises(RewardConfigError, match=message):
        reward_func_of(described, **options)


def test_torch_and_fastapi_are_not_imported_with_the_file(file):
    code = f"import sys, runpy; runpy.run_path({str(file)!r}); print({{'torch', 'fastapi', 'ray'}} & set(sys.modules))"
    done = asyncio.run(_python(code))
    assert done == b"set()\n"


async def _python(code):
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0]


class FinalLength(BaseRuleReward):
    """Characters of the final answer; -1 if there is none."""

    name: str = "final_length"

    @property
    def score_range(self):
        return -1.0, 10.0

    def _evaluate(self, sample, **kwargs):
        return RewardResult.of(self.name, len(self._answer(sample)))


def test_a_prompt_that_opened_the_thought_is_known():
    answers = ["hm</think>4<|im_end|>", "4<|im_end|>"]
    for prompt, rewards in ((f"{PROMPT}<think>\n", [1, -1]), (PROMPT, [1, 1])):
        scored = Scorer(FinalLength()).score([prompt + answer for answer in answers], [prompt] * 2, ["", ""])
        assert scored.rewards == rewards
