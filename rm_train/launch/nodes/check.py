"""All that is found out about the nodes of the cluster that a run joins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from rm_train.launch.checks.cluster import ray_address
from rm_train.launch.checks.disk import missing_bytes
from rm_train.launch.checks.problem import Problem
from rm_train.launch.nodes.ask import ANSWER_S, ask_nodes
from rm_train.launch.nodes.difference import Difference, problems_of
from rm_train.launch.nodes.gpus import gpu_differences
from rm_train.launch.nodes.question import question_of
from rm_train.launch.nodes.room import room_problems
from rm_train.launch.nodes.shared import (
    clock_differences,
    file_differences,
    place_differences,
    secret_differences,
)
from rm_train.launch.nodes.software import software_differences
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.verl_run import training_environment

if TYPE_CHECKING:
    from rm_train.launch.nodes.asking import NodeTold, Told
    from rm_train.launch.nodes.on_node.look import Question


@dataclass(frozen=True, slots=True)
class Survey:
    """What the nodes of a cluster have told.

    Attributes:
        nodes: What each alive node has told, by its name: the address, with more where nodes share one.
        differences: What is wrong on single nodes.
        room: What the cluster lacks as a whole.
    """

    nodes: dict[str, NodeTold]
    differences: list[Difference]
    room: list[Problem]

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong, what several nodes have in common told once."""
        return [*self.room, *problems_of(self.differences)]


def survey(config: DictConfig, *, answer_s: float = ANSWER_S) -> Survey:
    """Ask every node of the cluster that a run joins, as the trainer's own workers would be started there.

    Args:
        config: The run's config, with `ray=existing`.
        answer_s: How long the nodes may take to answer, in seconds.

    Raises:
        ConfigError: The cluster cannot be reached.
        ValueError: The run starts a Ray of its own, so there is nobody to ask.
    """
    if (given := ray_address(config)) is None:
        raise ValueError("ray=local joins no cluster")
    key, address = given
    ray_init: dict[str, Any] = OmegaConf.to_container(config.ray_kwargs.ray_init)  # type: ignore[assignment]
    ray_init.pop("address", None)
    environment = training_environment(config, RunFolder(Path(config.run_dir)).next_metrics())
    question = question_of(config)
    told = ask_nodes(address, key, question, ray_init=ray_init, environment=environment, answer_s=answer_s)
    nodes = _named([node for node in told["nodes"] if node["alive"]])
    differences = list(_differences(config, question, told, nodes))
    return Survey(nodes, differences, room_problems(config, told["nodes"], told["jobs"]))


def _named(nodes: Sequence[NodeTold]) -> dict[str, NodeTold]:
    often = Counter(node["address"] for node in nodes)
    return {
        node["address"] if often[node["address"]] == 1 else f"{node['address']} ({node['id'][:6]})": node
        for node in nodes
    }


def _differences(
    config: DictConfig, question: Question, told: Told, nodes: dict[str, NodeTold]
) -> Iterator[Difference]:
    here = told["here"]
    assert here is not None  # since there was a question
    for name, node in nodes.items():
        if node["silence"]:
            fix = "look at Ray's logs there (session_latest/logs), or take it out of the cluster"
            yield Difference(name, "Ray", node["silence"], fix)
    answers = {name: answer for name, node in nodes.items() if (answer := node["answer"])}
    yield from software_differences(here, answers)
    yield from file_differences(here, answers)
    missing = missing_bytes(config)
    if missing is not None and not question["shared"]:
        missing //= config.trainer.nnodes  # each keeps its own part
    yield from place_differences(nodes, question["places"], told["unseen"], missing)
    if question["gpus"]:
        counts = {name: int(nodes[name]["total"].get("GPU", 0)) for name in answers}
        with_gpus = {name: answer for name, answer in answers.items() if counts[name]}
        yield from gpu_differences(with_gpus, counts)
    yield from secret_differences(answers)
    yield from clock_differences(nodes)
