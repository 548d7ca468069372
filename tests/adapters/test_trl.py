"""`TrlReward`: its contract, and real GRPO steps of TRL with it."""

import asyncio
import inspect
import math
import pickle
import time
from collections import defaultdict
from statistics import mean

import pytest

from reward_fn.adapters.rows import SampleFields
from reward_fn.adapters.trl import TrlReward
from reward_fn.base import BaseListWiseReward, BasePointWiseReward, BaseRuleReward
from reward_fn.loading import RewardConfigError
from reward_fn.schema import FailureKind, RewardDimensionWithRank, RewardError, RewardResult

WORDS = ["<unk>", "<end>", "<pad>", "no", "one", "two", "say", "number", "user", "assistant"]
MIX = {
    "reward": "weighted_sum",
    "parts": {"match": "string_match", "short": {"reward": "length_penalty", "min_length": 0}},
}
GENERATIONS = 8
SOLUTION = SampleFields(reference="extra_info.solution")


class Picky(BasePointWiseReward):
    """Fails at "no"; else the share of "one"."""

    name: str = "picky"

    def _evaluate(self, sample, **kwargs):
        words = sample.output[0].answer.content.split()
        if "no" in words:
            raise RewardError(FailureKind.REFUSAL, "it says no")
        return RewardResult.of(self.name, words.count("one") / max(len(words), 1))


class Longest(BaseListWiseReward):
    """1 to the longest answer of those to a prompt, 0 to the others."""

    name: str = "longest"

    def _evaluate(self, sample, **kwargs):
        lengths = [len(output.answer.content) for output in sample.output]
        rank = [float(length == max(lengths)) for length in lengths]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=rank)])


class FinalLength(BaseRuleReward):
    """Characters of the final answer; -1 if there is none."""

    name: str = "final_length"

    @property
    def score_range(self):
        return -1.0, 10.0

    def _evaluate(self, sample, **kwargs):
        return RewardResult.of(self.name, len(self._answer(sample)))


class Slow(BasePointWiseReward):
    """Waits a fifth of a second."""

    name: str = "slow"

    async def _aevaluate(self, sample, **kwargs):
        await asyncio.sleep(0.2)
        return RewardResult.of(self.name, 1.0)


class Logged:
    """TRL's `log_metric` and `log_extra`."""

    def __init__(self):
        self.metrics, self.columns = {}, {}
        self.passed = {"log_metric": self.metrics.__setitem__, "log_extra": self.columns.__setitem__}


def message(text, role="assistant"):
    return {"role": role, "content": text}


def test_scores_parts_and_failures():
    logged = Logged()
    reward = TrlReward(MIX, fields=SOLUTION, name="mix")
    scores = reward(
        prompts=["a", "a", "b"],
        completions=["two moons", "none", "two"],
        solution=["two moons", "two moons", None],
        completion_ids=[[1], [1], [1]],
        trainer_state=object(),
        **logged.passed,
    )
    assert scores == [0.5, 0.0, None]
    assert logged.metrics.pop("rewards/mix/seconds") >= 0
    assert logged.metrics == {"rewards/mix/match": 0.5, "rewards/mix/short": 0.0, "rewards/mix/failed": 1 / 3}
    (reasons,) = logged.columns.values()
    assert reasons[2].startswith("no score: bad_input: the row of ")
    assert reward.__name__ == "mix"


def test_the_names_of_metrics_do_not_depend_on_what_was_scored():
    """TRL gathers each name over all processes; one that only some have would block them."""
    fine, all_failed = Logged(), Logged()
    reward = TrlReward(MIX, fields=SOLUTION)
    reward(prompts=["a"], completions=["x"], solution=["x"], **fine.passed)
    assert reward(prompts=["a"], completions=["x"], solution=[None], **all_failed.passed) == [None]
    assert fine.metrics.keys() == all_failed.metrics.keys()
    assert math.isnan(all_failed.metrics["rewards/weighted_sum/match"])


def test_a_failure_is_said(caplog):
    TrlReward(Picky())(prompts=["a"] * 3, completions=["no", "one", "no no"])
    assert "picky: 2 of 3 answers have no score (2 x refusal); the first: it says no" in caplog.text


@pytest.mark.parametrize(
    "prompt", ["user a assistant <think>", [message("a", "user"), message("<think>\n")]], ids=["text", "prefill"]
)
def test_a_prompt_that_opened_the_thought_is_known(prompt):
    answers = ["hm</think>4", "4", "<think>hm</think>4"]
    completions = answers if isinstance(prompt, str) else [[message(answer)] for answer in answers]
    scores = TrlReward(FinalLength())(prompts=[prompt] * 3, completions=completions)
    assert scores == [1, -1, 1]
    not_opened = "user a assistant" if isinstance(prompt, str) else prompt[:1]
    assert TrlReward(FinalLength())(prompts=[not_opened] * 3, completions=completions) == [1, 1, 1]


def test_conversations():
    fields = SampleFields(metadata={"level": "extra_info.level"})
    seen = []

    class Seen(BasePointWiseReward):
        name: str = "seen"

        def _evaluate(self, sample, **kwargs):
            seen.append(sample)
            return RewardResult.of(self.name, 1.0)

    prompt = [message("Be short.", "system"), message("2+2?", "user")]
    tool_use = [message("a tool, please"), message("4", "tool"), message("It is 4.")]
    scores = TrlReward(Seen(), fields=fields, data_source="sums")(
        prompts=[prompt, prompt, prompt],
        completions=[[message("4")], tool_use, tool_use[:2]],
        ground_truth=["4", "4", "4"],
        level=[1, 2, 3],
    )
    assert scores == [1.0, 1.0, None]
    assert [output.answer.content for sample in seen for output in sample.output] == ["4", "It is 4."]
    assert [str(one.role) for one in seen[1].input] == ["system", "user", "assistant", "tool"]
    assert [(sample.source, sample.metadata) for sample in seen] == [("sums", {"level": 1}), ("sums", {"level": 2})]
    assert seen[0].output[0].answer.label == {"reference": "4"}


def test_answers_to_a_prompt_are_compared_with_one_another():
    reward = TrlReward(Longest(), num_generations=2, num_generations_eval=3)
    assert reward(prompts=["a", "a", "b", "b"], completions=["1", "22", "333", "1"]) == [0, 1, 1, 0]
    assert reward(prompts=["a", "a", "a"], completions=["1", "22", "333"]) == [0, 0, 1]
    tournament = {"reward": "clip", "of": Longest(), "low": 0.2, "high": 0.8}
    assert TrlReward(tournament, num_generations=2)(prompts=["a", "a"], completions=["1", "22"]) == [0.2, 0.8]


def test_a_group_with_an_answer_that_cannot_be_read_fails_as_a_whole():
    reward = TrlReward(Longest(), fields=SOLUTION, num_generations=2)
    scores = reward(prompts=["a", "a", "b", "b"], completions=["1", "22", "333", "1"], solution=["x", None, "x", "x"])
    assert scores == [None, None, 1.0, 0.0]


@pytest.mark.parametrize("prompts", [["a", "a", "a"], ["a", "b", "b", "a"]])
def test_groups_that_are_not_whole_are_an_error(prompts):
    with pytest.raises(ValueError, match=r"longest compares answers, and the batch of . is not made of groups of 2"):
        TrlReward(Longest(), num_generations=2)(prompts=prompts, completions=["x"] * len(prompts))


def test_lengths_that_do_not_match_are_an_error():
    reward = TrlReward("string_match", fields=SOLUTION)
    with pytest.raises(ValueError, match="solution has 1 values, and there are 2 completions"):
        reward(prompts=["a", "b"], completions=["a", "b"], solution=["a"])
    with pytest.raises(ValueError, match="prompts has 1 values, and there are 2 completions"):
        reward(prompts=["a"], completions=["a", "b"], solution=["a", "b"])


def test_what_cannot_work_is_refused():
    with pytest.raises(RewardConfigError, match="num_generations: longest compares the answers to a prompt"):
        TrlReward(Longest())
    with pytest.raises(RewardConfigError, match="parts: 'mean' is a name"):
        TrlReward({"reward": "weighted_sum", "parts": {"mean": "string_match"}})
    with pytest.raises(RewardConfigError, match="did you mean string_match"):
        TrlReward("string_macth")


def test_a_file_describes_a_reward(tmp_path):
    file = tmp_path / "short.yaml"
    file.write_text("reward: length_penalty\nmax_length: 20\n")
    for described in (file, str(file)):
        assert TrlReward(described)(prompts=["a"], completions=["x" * 15]) == [0.0]


def test_a_pickled_one_scores_alike():
    reward = pickle.loads(pickle.dumps(TrlReward(MIX, fields=SOLUTION, name="mix")))
    assert reward(prompts=["a"], completions=["x"], solution=["x"]) == [0.5]
    assert reward.__name__ == "mix"


def test_async_ones_wait_at_the_same_time():
    first, second = (TrlReward(Slow(), name=name).as_async() for name in ("first", "second"))
    assert inspect.iscoroutinefunction(first) and first.__name__ == "first"

    async def both():
        batch = {"prompts": ["a"] * 8, "completions": ["x"] * 8}
        return await asyncio.gather(first(**batch), second(**batch))

    start = time.perf_counter()
    assert asyncio.run(both()) == [[1.0] * 8] * 2
    assert time.perf_counter() - start < 1.0


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains a tiny Llama by TRL with a reward, and returns the trainer."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<pad>", unk_token="<unk>")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 2}
    rows = Dataset.from_dict({"prompt": ["say one number", "say two number"] * 4, "solution": ["one", "two"] * 4})

    def train(reward, steps):
        torch.manual_seed(0)
        model = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), max_position_embeddings=32, **sizes, **ends))
        config = GRPOConfig(
            output_dir=str(tmp_path_factory.mktemp("trl")),
            max_steps=steps,
            per_device_train_batch_size=2 * GENERATIONS,
            num_generations=GENERATIONS,
            max_completion_length=6,
            learning_rate=1e-3,
            logging_steps=1,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
            seed=0,
        )
        trainer = GRPOTrainer(
            model=model, reward_funcs=[reward], args=config, train_dataset=rows, processing_class=tokenizer
        )
        trainer.train()
        return trainer

    return train


@pytest.fixture(scope="module")
def trained(train):
    """Three steps with a mix that fails at some answers."""
    mix = {"reward": "weighted_sum", "parts": {"picky": Picky(), "match": "string_match"}}
    return train(TrlReward(mix, fields=SOLUTION, name="mix"), steps=3)


def test_trl_trains_with_it_and_logs_its_parts(trained):
    steps = [entry for entry in trained.state.log_history if "rewards/mix/mean" in entry]
    assert len(steps) == 3
    for step in steps:
        assert {"rewards/mix/picky", "rewards/mix/match", "rewards/mix/failed", "rewards/mix/seconds"} <= step.keys()
        assert all(math.isfinite(value) for value in step.values() if isinstance(value, float))
    assert any(0 < step["rewards/mix/failed"] < 1 for step in steps)


def test_failed_answers_do_not_count_in_trls_groups(trained):
    """TRL's own log of what it made of the last rewards, held against the scores."""
    log = trained._logs
    scores, advantages = list(log["rewards"]["mix"]), list(log["advantages"])
    failed = ["no" in completion.split() for completion in log["completion"]]
    assert any(failed) and not all(failed)
    assert [math.isnan(score) for score in scores] == failed
    assert [reason.startswith("no score: refusal: ") for reason in log["extra"]["mix/reason"]] == failed
    seen = defaultdict(int)
    for start in range(0, len(scores), GENERATIONS):
        places = range(start, start + GENERATIONS)
        left = [scores[place] for place in places if not failed[place]]
        for place in places:
            if failed[place]:
                assert advantages[place] == 0
                seen["failed"] += 1
            elif scores[place] != pytest.approx(mean(left)):
                assert math.copysign(1, advantages[place]) == math.copysign(1, scores[place] - mean(left))
                seen["unequal"] += 1
    assert seen["failed"] and seen["unequal"]


@pytest.mark.parametrize("is_async", [False, True])
def test_trl_hands_over_whole_groups(train, is_async):
    reward = TrlReward(Longest(), num_generations=GENERATIONS)
    log = train(reward.as_async() if is_async else reward, steps=1)._logs
    scores = list(log["rewards"]["longest"])
    for start in range(0, len(scores), GENERATIONS):
        lengths = [len(completion) for completion in list(log["completion"])[start : start + GENERATIONS]]
        assert scores[start : start + GENERATIONS] == [float(length == max(lengths)) for length in lengths]
