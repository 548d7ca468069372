"""What becomes of a batch of answers of which one in a hundred hangs. A part of `hosting.py`.

verl's real `RewardLoopManager` is given answers one by one, as its V1 trainer does, with math-verify in a plain
function under verl's `remote` manager (a process for each of its workers' workers, no time limit), and with
`math_verify_reward` under ours, in the process's own worker processes and in those of the cluster. An answer that hangs
is a tower of powers, which Python computes in C.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import ray
import torch
import verl
from hosting_part import Aim, Figures, Found
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from plugin import FUNCTION, MANAGER, OURS
from tensordict import TensorDict
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.experimental.reward_loop import RewardLoopManager

from reward_fn.hosting.rules import RulePoolSettings, attach_rules

TOWER = "$9^{9^{9^{9^{9}}}}$"
SAMPLES = 1000
HANGING = 0.01
"""The share of them that hangs."""
LIMIT_S = 5.0
"""Seconds that one comparison may take, for ours."""
DEADLINE_S = 120.0
"""Seconds after which an answer is late."""
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
        "on time": on_time / len(fine),
        "last of them, s": last,
        "wrong": wrong,
        "all, s": seconds,
        "all done": float(not left),
        "CPU s": cpu,
    }


def _attach(_: object) -> None:
    attach_rules(RulePoolSettings(workers=2))


def rules(share: float, folder: Path) -> Found:
    """Compare verl's `remote` manager with ours."""
    samples = max(100, round(SAMPLES * share))
    deadline_s = max(30.0, DEADLINE_S * share)
    figures = ways(samples, deadline_s, folder)
    theirs, own, cluster = (one["on time"] for one in figures.values())
    told = f"{samples:,} answers, {HANGING:.0%} of which hang; deadline {deadline_s:g} s, limit {LIMIT_S:g} s"
    return Found(
        {f"math-verify: {told}": figures},
        [
            Aim(f"share of the others scored after {deadline_s:g} s, {HANGING:.0%} hang: verl's remote", theirs),
            Aim("the same: ours, each worker's own processes", own, 1),
            Aim("the same: ours, the cluster's processes", cluster, 1),
        ],
    )


def ways(samples: int, deadline_s: float, folder: Path) -> Figures:
    """Score the same answers in each way."""
    data, hanging = answers(samples, HANGING, folder / "model")
    (folder / "plain.py").write_text(PLAIN)
    reward = {"reward": "math_verify_reward", "timeout_s": LIMIT_S, "on_failure": {"constant": 0}}
    ours = [f"{FUNCTION}.path={OURS}", *MANAGER]
    remote = [f"{FUNCTION}.path={folder}/plain.py", "reward.reward_manager.name=remote"]
    told = (data, hanging, folder / "model", deadline_s)
    return {
        "verl's remote manager": scored(*told, *remote, kwargs={}),
        "GalleryRewardManager, own workers": scored(*told, *ours, kwargs=reward),
        "GalleryRewardManager, the cluster's": scored(*told, *ours, kwargs=reward, prepare=_attach),
    }
