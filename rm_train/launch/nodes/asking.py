"""The process that joins a Ray cluster and asks: `ask` starts it with an order, and reads what it tells.

Each node is asked in two rounds: in the first one it looks around and leaves its mark in the folders of the run, in the
second it looks for the marks of all the others. Its tasks take no CPU and no GPU from anyone.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from rm_train.launch.nodes import on_node
from rm_train.launch.nodes.connect import ClusterError, connected
from rm_train.launch.nodes.on_node.look import Answer, Question, SecondLook, clear, look, look_again

_AGAIN_S = 30.0
"""How long the second round may take; its processes are there from the first."""


class Order(TypedDict):
    """What the process is to do.

    Attributes:
        address: The cluster's.
        key: What the user calls the address.
        ray_init: More of what `ray.init` takes.
        question: What to ask each node; None to ask the cluster alone what nodes it has.
        answer_s: How long the nodes may take, in seconds.
    """

    address: str
    key: str
    ray_init: dict[str, Any]
    question: Question | None
    answer_s: float


class NodeTold(TypedDict):
    """What is told of a node.

    Attributes:
        id: Ray's name of it.
        address: Its IP address.
        alive: Whether it is part of the cluster; dead ones stay in Ray's list.
        total: The resources that it has.
        free: Those that nobody has taken.
        answer: What it said, if it was asked and did.
        silence: Why it did not.
        unseen: For each place, the nodes (or "launcher") whose marks it does not see.
        clock_s: How far its clock is ahead of the launcher's, at least; 0 when it may be right.
    """

    id: str
    address: str
    alive: bool
    total: dict[str, float]
    free: dict[str, float]
    answer: Answer | None
    silence: str | None
    unseen: dict[str, list[str]]
    clock_s: float


class Told(TypedDict):
    """What the process tells.

    Attributes:
        nodes: Each node that the cluster has or had.
        jobs: The other drivers that are connected, in words.
        here: What the launcher sees itself; None if nothing was asked.
        unseen: The nodes whose marks the launcher does not see, for each place.
    """

    nodes: list[NodeTold]
    jobs: list[str]
    here: Answer | None
    unseen: dict[str, list[str]]


def main() -> None:
    """Do what the order on the standard input says, and write what is told to the standard output."""
    order: Order = json.load(sys.stdin)
    try:
        told: Told | dict[str, str] = _tell(order)
    except ClusterError as error:
        told = {"refused": str(error)}
    sys.stdout.write(f"\n{json.dumps(told)}\n")


def _tell(order: Order) -> Told:
    run = uuid.uuid4().hex[:8]
    question = order["question"]
    here = look(question, _mark(run, "launcher")) if question else None
    try:
        with connected(order["address"], order["key"], **order["ray_init"]):
            free, jobs = _from_within(order["address"])
            nodes = _nodes(free)
            unseen = _ask(nodes, question, run, order["answer_s"]) if question else {}
            return {"nodes": nodes, "jobs": jobs, "here": here, "unseen": unseen}
    finally:
        if question:
            clear(question, _mark(run, "launcher"))


def _mark(run: str, who: str) -> str:
    return f".rm-train-{run}-{who}"


def _from_within(address: str) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return what is free on each node, and the other jobs: a client at `ray://` cannot see it from where it is."""
    import ray

    if not address.startswith("ray://"):
        return _state()
    within: tuple[dict[str, dict[str, float]], list[str]] = ray.get(ray.remote(_state).options(num_cpus=0).remote())
    return within


def _state() -> tuple[dict[str, dict[str, float]], list[str]]:
    import ray

    own = ray.get_runtime_context().get_job_id()
    # Only the first words of a command: others may hold what is not for everyone's eyes.
    jobs = [
        f"job {job['JobID']} ({' '.join(job['Entrypoint'].split()[:3])}) from {job['DriverIPAddress']}"
        for job in ray._private.state.jobs()
        if not job["IsDead"] and job["JobID"] != own
    ]
    return ray._private.state.available_resources_per_node(), jobs  # as verl asks before it places its workers


def _nodes(free: Mapping[str, dict[str, float]]) -> list[NodeTold]:
    import ray

    return [
        {
            "id": node["NodeID"],
            "address": node["NodeManagerAddress"],
            "alive": node["Alive"],
            "total": node["Resources"],
            "free": free.get(node["NodeID"], {}),
            "answer": None,
            "silence": None,
            "unseen": {},
            "clock_s": 0.0,
        }
        for node in sorted(ray.nodes(), key=lambda node: node["NodeManagerAddress"])
    ]


def _ask(nodes: list[NodeTold], question: Question, run: str, answer_s: float) -> dict[str, list[str]]:
    """Ask the nodes that may train, and return whose marks are not seen here."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(on_node)
    asked = {node["id"]: node for node in nodes if node["alive"] and node["free"].get("CPU", 0) >= 1}
    first = _round(look, {one: (question, _mark(run, one)) for one in asked}, answer_s)
    answers: dict[str, Answer] = {}
    for one, reply in first.items():
        if isinstance(reply, str):
            asked[one]["silence"] = reply
        else:
            asked[one]["answer"] = answers[one] = reply.value
    names = {_mark(run, who): who for who in (*answers, "launcher")} if question["shared"] else {}
    second = _round(look_again, {one: (question, list(names)) for one in answers}, _AGAIN_S)
    for one, reply in second.items():
        if isinstance(reply, str):
            asked[one]["answer"], asked[one]["silence"] = None, reply
            continue
        sight: SecondLook = reply.value
        asked[one]["unseen"] = {key: [names[name] for name in missing] for key, missing in sight["unseen"].items()}
        asked[one]["clock_s"] = _outside(sight["clock"], reply.began, reply.ended)
    own = look_again(question, list(names))
    _round(clear, {one: (question, _mark(run, one)) for one in answers}, _AGAIN_S)
    return {key: [names[name] for name in missing] for key, missing in own["unseen"].items()}


def _outside(clock: float, began: float, ended: float) -> float:
    """Return how far a clock is outside of the time in which it was read, in seconds; behind is negative."""
    return clock - ended if clock > ended else min(0.0, clock - began)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What a task returned, and the seconds of this machine's clock between which it ran."""

    value: Any
    began: float
    ended: float


def _round(
    task: Callable[..., Any], arguments: Mapping[str, tuple[Any, ...]], limit_s: float
) -> dict[str, _Reply | str]:
    """Run a task on each node at the same time, and return what came of it, or why nothing did."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    began = time.time()
    tasks = {
        ray.remote(task)
        .options(num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
        .remote(*given): node
        for node, given in arguments.items()
    }
    replies: dict[str, _Reply | str] = {}
    waiting, until = list(tasks), time.monotonic() + limit_s
    while waiting and (left := until - time.monotonic()) > 0:
        done, waiting = ray.wait(waiting, timeout=left)
        for one in done:
            try:
                replies[tasks[one]] = _Reply(ray.get(one), began, time.time())
            except ray.exceptions.RayError as error:
                replies[tasks[one]] = _in_a_line(error)
    return replies | {tasks[one]: f"did not answer in {limit_s:.0f} s" for one in waiting}


def _in_a_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"


if __name__ == "__main__":
    main()
