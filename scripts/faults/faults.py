"""What can go wrong with the parts that a run's rewards need, and how each of it is done to a run."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faulty_judge import Judge
from small_run import PROMPTS, N, SmallRun, make

ANSWERS = PROMPTS * N
"""Answers of a step."""
DOWN_S = 30.0
_RUN = ("algorithm.adv_estimator=grpo", "reward.num_workers=2", f"actor_rollout_ref.rollout.val_kwargs.n={N}")
DISK = "disk"
"""The folder of a run that is a small disk of its own, where that is asked for."""


@dataclass(frozen=True)
class Fault:
    """A fault, and the run that it is done to.

    Attributes:
        told: What happens.
        kwargs: The run's `reward_kwargs`, by its judge and its folder.
        strike: Does it, in the middle of the second step.
        overrides: More settings of verl's.
        hangs: Of so many requests the judge leaves one without an answer.
        own_disk: Whether `DISK` in the run's folder is to be a disk of 1 MB.
        dropped: Whether a group is replaced by another one.
    """

    told: str
    kwargs: Callable[[Judge, Path], Mapping[str, Any]]
    strike: Callable[[SmallRun, Judge], None]
    overrides: tuple[str, ...] = field(default=_RUN)
    hangs: int = 0
    own_disk: bool = False
    dropped: bool = False


def judged(hosting: Mapping[str, Any] | None = None, **llm: object) -> Callable[[Judge, Path], Mapping[str, Any]]:
    """Describe the reward of a judge that sees one answer."""

    def kwargs(judge: Judge, folder: Path) -> Mapping[str, Any]:
        return {"reward": "fault_rewards:JudgedReward", "llm": _llm(judge, **llm), "hosting": hosting or {}}

    return kwargs


def ranked(**more: object) -> Callable[[Judge, Path], Mapping[str, Any]]:
    """Describe the reward of a judge that sees all answers to a prompt."""
    return lambda judge, folder: {
        "reward": "fault_rewards:RankedReward",
        "llm": _llm(judge),
        "hosting": {},
        **more,
    }


def worked(judge: Judge, folder: Path) -> Mapping[str, Any]:
    """Describe the reward that worker processes compute."""
    return {"reward": "fault_rewards:WorkedReward", "hosting": {"rules": {"workers": 2}}}


def hosted(judge: Judge, folder: Path) -> Mapping[str, Any]:
    """Describe the reward of a model that the cluster hosts; of random weights too, and soon at an end."""
    make(folder / "hosted")
    path = folder / "hosted" / "model"
    ends = list(range(0, json.loads((path / "config.json").read_text())["vocab_size"], 16))
    config = json.loads((path / "generation_config.json").read_text())
    (path / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": ends}))
    model = {"path": str(path), "engine": "transformers", "min_replicas": 2}
    llm = {"model": "tiny", "hosted": True, "temperature": 1, "seed": 0, "max_concurrency": 2}
    return {"reward": "fault_rewards:HostedReward", "llm": llm, "hosting": {"models": {"tiny": model}}}


def cached(place: str) -> Callable[[Judge, Path], Mapping[str, Any]]:
    """Describe the reward of a judge with a cache in a file of the run's folder."""

    def kwargs(judge: Judge, folder: Path) -> Mapping[str, Any]:
        return judged({"cache": {"path": str(folder / place)}}, cache=True)(judge, folder)

    return kwargs


def _llm(judge: Judge, **more: object) -> dict[str, Any]:
    return {"model": "judge", "base_url": judge.url, "api_key": "none", "max_concurrency": 2, "timeout": 3, **more}


def killed(words: str) -> Callable[[SmallRun, Judge], None]:
    """Kill a process of the run that has these words in its command."""

    def strike(run: SmallRun, judge: Judge) -> None:
        run.processes(words)[0].send_signal(signal.SIGKILL)

    return strike


def _down(run: SmallRun, judge: Judge) -> None:
    judge.down(DOWN_S)


def _fill_disk(run: SmallRun, judge: Judge) -> None:
    """Fill the run's own disk, which only its processes see at its place."""
    actor = run.processes("ray::CacheActor")[0]
    with (Path(f"/proc/{actor.pid}/root") / run.folder.relative_to("/") / DISK / "filling").open("wb", 0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return


def _nothing(run: SmallRun, judge: Judge) -> None:
    """Do nothing: the fault is in the run itself."""


def wait_for_middle(run: SmallRun, judge: Judge, requests: int) -> bool:
    """Wait until some answers of the second step are scored, or some of its requests are made; False if it ends."""
    while run.code is None:
        lines = sum(path.read_bytes().count(b"\n") for path in (run.folder / "rewards").glob("*.jsonl"))
        if lines > ANSWERS or judge.requests > requests:
            return True
        time.sleep(0.02)
    return False


_SURVIVING = "+actor_rollout_ref.rollout.agent.agent_loop_manager_class=reward_fn.adapters.verl.GalleryAgentLoopManager"
_LOSING = (
    "data.gen_batch_size=1", "data.shuffle=false", "actor_rollout_ref.rollout.agent.default_agent_loop=loses_a_sibling",
    "actor_rollout_ref.rollout.agent.agent_loop_config_path=scripts/faults/agent_loops.yaml",
)  # fmt: skip

FAULTS = {
    "reward-worker": Fault(
        "a reward worker of verl's is killed", judged(), killed("ray::RewardLoopWorker"), (*_RUN, _SURVIVING)
    ),
    "judge-actor": Fault("a judge's actor is killed", hosted, killed("ray::Replica")),
    "judge-server": Fault("a judge's server is killed", hosted, killed("transformers_server")),
    "judge-controller": Fault("the controller of a hosted judge is killed", hosted, killed("ray::Controller")),
    "rule-worker": Fault("a worker process of the rules is killed", worked, killed("-m reward_fn.workers")),
    "rules-actor": Fault("a node's rules actor is killed", worked, killed("ray::RulesActor")),
    "limiter": Fault("the limiter is killed", judged(requests_per_minute=600), killed("ray::RateLimiter")),
    "cohort": Fault("the cohort is killed", ranked(), killed("CohortActor")),
    "cache": Fault("the cache is killed", cached("cache.sqlite"), killed("ray::CacheActor")),
    "disk-full": Fault("the cache's disk is full", cached(f"{DISK}/cache.sqlite"), _fill_disk, own_disk=True),
    "endpoint-down": Fault(f"the endpoint is down for {DOWN_S:g} s", judged(out_after=5), _down),
    "hung-judge": Fault("one request of five is never answered", judged(), _nothing, hangs=5),
    "lost-sibling": Fault(
        "answers of a group break off before they are scored",
        ranked(group={"deadline_s": 5}, on_failure="drop_group"),
        _nothing,
        (*_RUN, *_LOSING),
        dropped=True,
    ),
}
"""All of them, by name."""
