"""Asks a Ray cluster from outside: what nodes it has, and what each of them sees.

In a process of its own, since Ray changes the one that it joins from.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rm_train.launch.checks.problem import ConfigError

if TYPE_CHECKING:
    from rm_train.launch.nodes.asking import NodeTold, Order, Told
    from rm_train.launch.nodes.on_node.look import Question

ANSWER_S = 120.0
"""How long nodes may take to answer: each starts a process first, in the run's environment."""
_JOIN_S = 60.0
"""How long the joining may take."""


def cluster_nodes(address: str, key: str = "ray_address", *, join_s: float = _JOIN_S) -> list[NodeTold]:
    """Return the nodes of a cluster, with what they have and what of it is free; no node is asked anything.

    Args:
        address: HOST:PORT, or auto.
        key: What the user calls the address.
        join_s: How long the cluster may take to answer, in seconds.

    Raises:
        ConfigError: It cannot be reached; the message says what to do.
    """
    return _told({"address": address, "key": key, "ray_init": {}, "question": None, "answer_s": 0.0}, {}, join_s)[
        "nodes"
    ]


def ask_nodes(
    address: str,
    key: str,
    question: Question,
    *,
    ray_init: Mapping[str, Any],
    environment: Mapping[str, str],
    answer_s: float = ANSWER_S,
) -> Told:
    """Ask each node of a cluster that may train.

    Args:
        address: HOST:PORT, or auto.
        key: What the user calls the address.
        question: What to ask.
        ray_init: What else the run gives to `ray.init`, such as its runtime environment.
        environment: What the run adds to the environment of the process that joins.
        answer_s: How long the nodes may take, in seconds.

    Raises:
        ConfigError: The cluster cannot be reached; the message says what to do.
    """
    order: Order = {
        "address": address,
        "key": key,
        "ray_init": dict(ray_init),
        "question": question,
        "answer_s": answer_s,
    }
    return _told(order, environment, _JOIN_S + 2 * answer_s)


def _told(order: Order, environment: Mapping[str, str], limit_s: float) -> Told:
    key, address = order["key"], order["address"]
    command = [sys.executable, "-m", "rm_train.launch.nodes.asking"]
    try:
        done = subprocess.run(command, input=json.dumps(order), env={**os.environ, **environment},
                              capture_output=True, text=True, timeout=limit_s, check=True)  # fmt: skip
    except subprocess.CalledProcessError as error:
        told = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        raise ConfigError(f"{key}: the cluster at {address} could not be asked: {told[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{key}: no answer from the cluster at {address} in {limit_s:g} s; "
                          "look at `ray status` on its head") from error  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    if "refused" in told:
        raise ConfigError(told["refused"])
    result: Told = told
    return result
