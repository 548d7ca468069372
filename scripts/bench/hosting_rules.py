"""What the cluster's cache costs, and what becomes of a batch of answers of which one in a hundred hangs.

    python scripts/bench/hosting_rules.py [--samples 1000] [--calls 20000]

The cache: processes ask for things that cost nothing to make, many at a time, through `once`; then one at a time, for
the latency that a request gets. The rules: verl's real `RewardLoopManager` is given answers one by one, as its V1
trainer does, with math-verify in a plain function under verl's `remote` manager (a process for each of its workers'
workers, no time limit), and with `math_verify_reward` under ours, in the process's own worker processes and in those of
the cluster. An answer that hangs is a tower of powers, which Python computes in C.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import psutil
import ray
import torch
import verl
from common import CONSOLE, machine, write_json
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from plugin import FUNCTION, MANAGER, OURS, table_of
from tensordict import TensorDict
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.experimental.reward_loop import RewardLoopManager

from reward_fn.hosting.cache import CacheSettings, attach_cache
from reward_fn.hosting.rules import RulePoolSettings, attach_rules
from reward_fn.once import once
from reward_fn.store import MemoryStore, Store, open_store

TOWER = "$9^{9^{9^{9^{9}}}}$"
WORDS = 64
"""Words of an answer."""
PLAIN = r"""
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

CONFIG = (LatexExtractionConfig(), ExprExtractionConfig())

def compute_score(solution_str, ground_truth, **_):
    gold = parse(ground_truth, extraction_config=CONFIG, parsing_timeout=None)
    answer = parse(solution_str, extraction_config=CONFIG, parsing_timeout=None)
    return float(verify(gold, answer, timeout_seconds=None))
"""


class Asker:
    """A process that asks the cache."""

    def __init__(self, path: Path | None) -> None:
        attach_cache(CacheSettings(path=path))

    async def ask(self, first: int, calls: int, at_once: int) -> list[float]:
        """Ask for so many contents; return the seconds that each took."""
        return await _asked(open_store(None), first, calls, at_once)


async def _asked(store: Store, first: int, calls: int, at_once: int) -> list[float]:
    todo, seconds = iter(range(first, first + calls)), []
    content = b"x" * 1000

    async def make(keys: list[str]) -> dict[str, tuple[int, bytes]]:
        return dict.fromkeys(keys, (1, content))

    async def work() -> None:
        for number in todo:
            start = time.perf_counter()
            await once(store, [f"{number:064}"], len, make)
            seconds.append(time.perf_counter() - start)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return seconds


def cache(calls: int, processes: int, at_once: int, path: Path | None) -> dict[str, float]:
    """Measure the cluster's cache: contents of 1,000 bytes that are made, then the same ones, which are kept."""
    askers = [ray.remote(num_cpus=0)(Asker).remote(path) for _ in range(processes)]
    ray.get([asker.ask.remote(-10 * place - 10, 10, 1) for place, asker in enumerate(askers)])
    figures = {}
    each = calls // processes
    for name in ("made", "kept"):
        start = time.perf_counter()
        ray.get([asker.ask.remote(place * each, each, at_once) for place, asker in enumerate(askers)])
        figures[f"calls/s, {name}"] = each * processes / (time.perf_counter() - start)
        first = calls if name == "made" else 0
        alone = ray.get(askers[0].ask.remote(first, 500, 1))
        figures[f"ms alone, {name}"] = median(alone) * 1e3
        figures[f"p95 ms, {name}"] = quantiles(alone, n=20)[-1] * 1e3
    for asker in askers:
        ray.kill(asker)
    ray.kill(ray.get_actor("reward_fn cache"))
    return figures


def local(calls: int, at_once: int) -> dict[str, float]:
    """Measure the same in one process, without Ray."""
    store, figures = MemoryStore(), {}
    for name in ("made", "kept"):
        start = time.perf_counter()
        asyncio.run(_asked(store, 0, calls, at_once))
        figures[f"calls/s, {name}"] = calls / (time.perf_counter() - start)
        alone = asyncio.run(_asked(store, calls if name == "made" else 0, 500, 1))
        figures[f"ms alone, {name}"] = median(alone) * 1e3
        figures[f"p95 ms, {name}"] = quantiles(alone, n=20)[-1] * 1e3
    return figures


def answers(count: int, share: float, folder: Path) -> tuple[DataProto, list[bool]]:
    """Return answers in the shape of verl's rollouts, and which of them hang; their tokenizer goes to the folder."""
    words = ["<unk>", "<end>", *(f"word{i}" for i in range(200)), *(f"$\\boxed{{{i}}}$" for i in range(100)), TOWER]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<end>").save_pretrained(folder)
    draw = random.Random(0)
    hanging = [place < count * share for place in range(count)]
    draw.shuffle(hanging)
    ids = torch.randint(2, 202, (count, WORDS), generator=torch.Generator().manual_seed(0))
    for place, hangs in enumerate(hanging):
        ids[place, -2], ids[place, -1] = (len(words) - 1 if hangs else 202 + place % 100), 1

    def column(values: list[Any]) -> Any:  # noqa: ANN401 - an array of objects
        array = np.empty(count, dtype=object)
        array[:] = values
        return array

    data = DataProto(
        batch=TensorDict(
            {
                "prompts": torch.full((count, 8), 7),
                "responses": ids,
                "attention_mask": torch.ones((count, 8 + WORDS), dtype=torch.long),
            },
            batch_size=count,
        ),
        non_tensor_batch={
            "data_source": column(["bench"] * count),
            "reward_model": column([{"ground_truth": str(place % 100 // 2 * 2)} for place in range(count)]),
            "extra_info": column([{"index": place} for place in range(count)]),
            "raw_prompt": column([[{"role": "user", "content": "word1"}]] * count),
        },
    )
    return data, hanging


def _cpu() -> float:
    """Return the CPU seconds that Ray's workers here and all their children have used, those that have ended too."""
    total = 0.0
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(name in " ".join(one.cmdline()) for name in ("ray::", "reward_fn.workers")):
                total += sum(one.cpu_times()[:4])
    return total


def scored(
    data: DataProto,
    hanging: list[bool],
    folder: Path,
    deadline_s: float,
    *overrides: str,
    kwargs: dict[str, Any],
    prepare: Callable[[Any], None] | None = None,
) -> dict[str, float]:
    """Give answers to verl's reward workers one by one, and see what has come of them until a deadline."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        settings = ["reward.num_workers=2", f"actor_rollout_ref.model.path={folder}"]
        config = compose("ppo_trainer", [*settings, f"data.max_response_length={WORDS}", *overrides])
    OmegaConf.update(config, "reward.custom_reward_function.reward_kwargs", kwargs, force_add=True)
    workers = RewardLoopManager(config).reward_loop_workers
    if prepare:
        ray.get([worker.__ray_call__.remote(prepare) for worker in workers])
    draw = random.Random(1)
    fine = [place for place, hangs in enumerate(hanging) if not hangs]
    # All that is needed is imported, in each worker process.
    ray.get([worker.compute_score_batch.remote(data[fine[:32]]) for worker in workers for _ in range(2)])
    before, start = _cpu(), time.perf_counter()
    places = {draw.choice(workers).compute_score.remote(data[place : place + 1]): place for place in range(len(data))}
    left, on_time, last, wrong = list(places), 0, 0.0, 0
    while left and time.perf_counter() - start < deadline_s:
        done, left = ray.wait(left, num_returns=len(left), timeout=0.1)
        for one in done:
            result, place = ray.get(one), places[one]
            if not hanging[place]:
                on_time, last = on_time + 1, time.perf_counter() - start
                wrong += result["reward_score"] != float(place % 100 % 2 == 0)
    seconds, cpu = time.perf_counter() - start, _cpu() - before
    for worker in workers:
        ray.kill(worker)
    return {
        "others": len(fine),
        "others on time": on_time,
        "last of them, s": last,
        "wrong": wrong,
        "all, s": seconds,
        "all done": float(not left),
        "CPU s": cpu,
    }


def _attach(_: object) -> None:
    attach_rules(RulePoolSettings(workers=2))


def rules(samples: int, share: float, deadline_s: float, limit_s: float, folder: Path) -> dict[str, dict[str, float]]:
    """Compare verl's `remote` manager with ours."""
    data, hanging = answers(samples, share, folder / "model")
    (folder / "plain.py").write_text(PLAIN)
    reward = {"reward": "math_verify_reward", "timeout_s": limit_s, "on_failure": {"constant": 0}}
    ours = [f"{FUNCTION}.path={OURS}", *MANAGER]
    remote = [f"{FUNCTION}.path={folder}/plain.py", "reward.reward_manager.name=remote"]
    told = (data, hanging, folder / "model", deadline_s)
    return {
        "verl's remote manager": scored(*told, *remote, kwargs={}),
        "GalleryRewardManager, own workers": scored(*told, *ours, kwargs=reward),
        "GalleryRewardManager, the cluster's": scored(*told, *ours, kwargs=reward, prepare=_attach),
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--samples", default=1000, show_default=True, help="Answers to score.")
@click.option("--share", default=0.01, show_default=True, help="The share of them that hangs.")
@click.option("--limit", default=5.0, show_default=True, help="Seconds that one comparison may take, for ours.")
@click.option("--deadline", default=120.0, show_default=True, help="Seconds after which an answer is late.")
@click.option("--calls", default=20_000, show_default=True, help="Requests to the cache.")
@click.option("--processes", default=2, show_default=True, help="Processes that ask it.")
@click.option("--at-once", default=256, show_default=True, help="Requests of each at a time.")
@click.option("--only", type=click.Choice(["cache", "rules"]), help="One of the two benchmarks.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(
    samples: int,
    share: float,
    limit: float,
    deadline: float,
    calls: int,
    processes: int,
    at_once: int,
    only: str | None,
    out: Path | None,
) -> None:
    """Measure the cluster's cache and rule pool."""
    figures: dict[str, object] = {"machine": machine()}
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init("local", num_cpus=8, include_dashboard=False, log_to_driver=False, runtime_env=here)
    with TemporaryDirectory() as name:
        if only != "rules":
            found = {
                "one process, without Ray": local(calls, at_once),
                "the cluster's, in memory": cache(calls, processes, at_once, None),
                "the cluster's, in a file": cache(calls, processes, at_once, Path(name) / "cache.sqlite"),
            }
            told = f"{calls:,} requests of {processes} processes, {at_once} of each at a time"
            CONSOLE.print(table_of(f"a cache: {told}", found))
            figures["cache"] = found
        if only != "cache":
            found = rules(samples, share, deadline, limit, Path(name))
            told = f"{samples:,} answers, {share:.0%} of which hang; deadline {deadline:g} s, limit {limit:g} s"
            CONSOLE.print(table_of(f"math-verify: {told}", found))
            figures["rules"] = found
    ray.shutdown()
    write_json(out, figures)


if __name__ == "__main__":
    main()
