"""What the plug-in costs in verl's reward workers, and how long a slow judge takes in them.

    python scripts/bench/plugin.py [--samples 8192] [--workers 8]

verl's real `RewardLoopManager` scores the same random answers several ways in one run. First by rewards that cost
nothing to speak of, so that the CPU time of the worker processes, from the system's counters, is overhead. Then by a
judge behind a loopback endpoint whose latency is log-normal, nine tenths of it between 0.5 and 3 seconds: ours, and the
same judge in a function of the user's under verl's own manager, as a coroutine and as a plain function.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import psutil
import ray
import torch
import verl
from common import CONSOLE, machine, readable, write_json
from hydra import compose, initialize_config_dir
from judges import Server
from omegaconf import OmegaConf
from rich.table import Table
from tensordict import TensorDict
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.experimental.reward_loop import RewardLoopManager

PROMPT, ANSWER = 64, 256
"""Tokens of a prompt and of an answer."""
FUNCTION = "reward.custom_reward_function"
OURS = "pkg://reward_fn.adapters.verl"
REWARD = {"reward": "regex_match", "pattern": "w1"}
MANAGER = [
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.name=GalleryRewardManager",
    f"reward.reward_manager.module.path={OURS}",
]
NOTHING = "async def compute_score(**_): return {'score': 0.0}\n"
MEDIAN_S, SIGMA = math.sqrt(0.5 * 3), math.log(3 / 0.5) / 2 / 1.645
"""Of the judge's latency."""
BY_HAND = """
from reward_fn import ChatMessage, DataOutput, DataSample, RewardRegistry, Step
from reward_fn.loading import reward_of

JUDGE = reward_of({judge!r})

def sample(text):
    return DataSample(input=[ChatMessage(content="?")], output=[DataOutput(answer=Step(content=text))])

async def coroutine(solution_str, **_):
    return (await JUDGE.ascore(sample(solution_str)))[0].score

def plain(solution_str, **_):
    return JUDGE.score(sample(solution_str))[0].score
"""


def tokenizer(folder: Path) -> None:
    """Write a tokenizer of 1,000 words."""
    vocabulary = {word: place for place, word in enumerate(["<unk>", "<end>", *(f"w{i}" for i in range(998))])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<end>").save_pretrained(folder)


def rows(count: int) -> DataProto:
    """Return random answers in the shape of verl's rollouts."""
    generator = torch.Generator().manual_seed(0)
    responses = torch.randint(2, 1000, (count, ANSWER), generator=generator)

    def column(value: object) -> Any:  # noqa: ANN401 - an array of objects
        array = np.empty(count, dtype=object)
        array[:] = [value] * count
        return array

    return DataProto(
        batch=TensorDict(
            {
                "prompts": torch.full((count, PROMPT), 7),
                "responses": responses,
                "attention_mask": torch.ones((count, PROMPT + ANSWER), dtype=torch.long),
            },
            batch_size=count,
        ),
        non_tensor_batch={
            "data_source": column("bench"),
            "reward_model": column({"ground_truth": "4"}),
            "extra_info": np.array([{"index": index} for index in range(count)], dtype=object),
            "raw_prompt": column([{"role": "user", "content": "w2 w3"}]),
        },
    )


def measured(
    data: DataProto, workers: int, folder: Path, *overrides: str, kwargs: dict[str, Any]
) -> tuple[float, float]:
    """Return the seconds that the batch took, and the CPU seconds of the workers."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        settings = [f"reward.num_workers={workers}", f"actor_rollout_ref.model.path={folder}"]
        config = compose("ppo_trainer", [*settings, f"data.max_response_length={ANSWER}", *overrides])
    OmegaConf.update(config, "reward.custom_reward_function.reward_kwargs", kwargs, force_add=True)
    manager = RewardLoopManager(config)
    try:
        manager.compute_rm_score(data[: 16 * workers])  # the workers import and build what they need
        ours = {one.pid for one in psutil.Process().children(recursive=True)}  # another run may have workers too
        processes = [
            one
            for one in psutil.process_iter(["cmdline"])
            if one.pid in ours and "RewardLoopWorker" in " ".join(one.info["cmdline"])
        ]
        before = [sum(one.cpu_times()[:2]) for one in processes]
        start = time.perf_counter()
        manager.compute_rm_score(data)
        seconds = time.perf_counter() - start
        return seconds, sum(sum(one.cpu_times()[:2]) for one in processes) - sum(before)
    finally:
        for worker in manager.reward_loop_workers:
            ray.kill(worker)


Way = tuple[list[str], dict[str, Any]]
"""Overrides of verl's config, and `reward_kwargs`."""


def overhead(data: DataProto, workers: int, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Measure rewards that cost nothing; of several rounds the cheapest counts."""
    (folder / "nothing.py").write_text(NOTHING)
    ways: dict[str, Way] = {
        "verl's naive manager, a function that does nothing": ([f"{FUNCTION}.path={folder}/nothing.py"], {}),
        "verl's naive manager, our compute_score": ([f"{FUNCTION}.path={OURS}"], REWARD),
        "GalleryRewardManager": ([f"{FUNCTION}.path={OURS}", *MANAGER], REWARD),
    }
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for way, (overrides, kwargs) in ways.items():
            found = measured(data, workers, folder / "model", *overrides, kwargs=kwargs)
            best[way] = min(best.get(way, found), found, key=lambda pair: pair[1])
    base = next(iter(best.values()))[1]
    return {
        way: {
            "seconds": seconds,
            "CPU ms a sample": cpu / len(data) * 1e3,
            "beyond the first": (cpu - base) / len(data) * 1e3,
        }
        for way, (seconds, cpu) in best.items()
    }


def judging(data: DataProto, workers: int, folder: Path) -> dict[str, dict[str, float]]:
    """Measure a judge that waits."""
    server = Server(MEDIAN_S, SIGMA)
    try:
        llm = {"model": "ours", "base_url": server.url, "api_key": "none", "max_concurrency": 2048}
        judge = {"reward": "safety_pointwise_reward", "llm": llm, "structured": False}
        by_hand = folder / "by_hand.py"
        by_hand.write_text(BY_HAND.format(judge=judge))
        ways: dict[str, Way] = {
            "GalleryRewardManager": ([f"{FUNCTION}.path={OURS}", *MANAGER], judge),
            "verl's naive manager, a coroutine": ([f"{FUNCTION}.path={by_hand}", f"{FUNCTION}.name=coroutine"], {}),
            "verl's naive manager, a plain function": ([f"{FUNCTION}.path={by_hand}", f"{FUNCTION}.name=plain"], {}),
        }
        figures = {}
        for way, (overrides, kwargs) in ways.items():
            server.stats()
            seconds, cpu = measured(data, workers, folder / "model", *overrides, kwargs=kwargs)
            figures[way] = {
                "seconds": seconds,
                "in flight": server.stats()["most"],
                "CPU ms a sample": cpu / len(data) * 1e3,
                "of the first": seconds / next(iter(figures.values()), {"seconds": seconds})["seconds"],
            }
        return figures
    finally:
        server.close()


def table_of(title: str, figures: dict[str, dict[str, float]]) -> Table:
    """Return figures as a table, a line for each way."""
    columns: Sequence[str] = list(next(iter(figures.values())))
    table = Table(title=title)
    table.add_column("way")
    for column in columns:
        table.add_column(column, justify="right")
    for way, one in figures.items():
        table.add_row(way, *(readable(one[column]) for column in columns))
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--samples", default=8192, show_default=True, help="Answers to score.")
@click.option("--workers", default=8, show_default=True, help="verl's reward workers.")
@click.option("--rounds", default=2, show_default=True, help="Tries of each reward without cost; the cheapest counts.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(samples: int, workers: int, rounds: int, out: Path | None) -> None:
    """Compare the ways."""
    before = machine()
    ray.init("local", num_cpus=workers, include_dashboard=False, log_to_driver=False)
    with TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer(folder / "model")
        data = rows(samples)
        told = f"{samples:,} answers of {ANSWER} tokens, {workers} reward workers"
        cheap = overhead(data, workers, folder, rounds)
        CONSOLE.print(table_of(f"rewards without cost: {told}", cheap))
        slow = judging(data, workers, folder)
        CONSOLE.print(table_of(f"a judge that takes 0.5 to 3 s: {told}", slow))
    ray.shutdown()
    write_json(out, {"machine": before, "overhead": cheap, "judge": slow})


if __name__ == "__main__":
    main()
