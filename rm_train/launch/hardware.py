"""`hardware=auto`: looks at the machine, or at the Ray cluster that is joined, and chooses a hardware config.

The choice becomes plain overrides before anything is composed: the run folder, `run.json` and the command that can be
pasted are those of a run that was told so, and stock verl, which knows no "auto", runs the same. torch is not imported:
it takes seconds, and a CUDA context would take memory from the run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rm_train.launch.checks.problem import ConfigError
from rm_train.launch.checks.versions import FLASH_ATTENTION

_SMI = ("nvidia-smi", "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits")
_LARGEST = 8
"""GPUs of a node that hardware=gpu8 takes without being told."""
_PLANNED_MIB = 70 * 1024
"""GPUs with less memory are not the 80 GB ones that the configs are reckoned for."""
_ANSWER_S = 60
"""How long nvidia-smi, or a Ray cluster, may take to answer."""

WANTS_TOKEN = "it wants a token: set RAY_AUTH_MODE=token, and have the token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
"""Since Ray 2.60 `ray start` asks drivers for one, and a driver that is given HOST:PORT shows none by itself."""

_ASK_RAY = """
import json, logging, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.ERROR)
print(json.dumps([node["Resources"] for node in ray.nodes() if node["Alive"]]))
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to train on.

    Attributes:
        nodes: Machines with GPUs.
        gpus: GPUs that each of them has at least.
        words: The same for a reader, with what else matters.
    """

    nodes: int
    gpus: int
    words: str


def with_hardware(overrides: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """Replace `hardware=auto`, or no word about hardware, by what this machine or cluster can run.

    Args:
        overrides: Hydra overrides as the user gave them.

    Returns:
        The overrides with an explicit `hardware=…`, and one line that says what was found, what was chosen and why;
        None instead of the line where the user has chosen.

    Raises:
        ConfigError: The Ray cluster that is to be joined does not answer.
    """
    given = dict(override.split("=", 1) for override in overrides if "=" in override)
    if given.get("hardware", "auto") != "auto":
        return tuple(overrides), None
    others = [override for override in overrides if override != "hardware=auto"]
    joined = given.get("ray") == "existing"
    found = _cluster(given.get("ray_address", "auto")) if joined else _machine()
    missing = _missing() if found.gpus else None
    if missing:
        chosen, why = ["hardware=cpu"], f", which cannot be used: {missing}"
    else:
        chosen, why = _choice(found), ""
    told = given.keys() - {"hardware"}
    explicit = [override for override in chosen if override.split("=", 1)[0] not in told]
    return (*explicit, *others), f"{found.words}{why}; chosen: {' '.join(explicit)} (hardware=NAME overrules)"


def _choice(found: Found) -> list[str]:
    """Return the overrides for what was found."""
    if found.gpus == 0:
        return ["hardware=cpu"]
    # Batches and tensor parallelism divide by powers of two.
    gpus = min(2 ** (found.gpus.bit_length() - 1), _LARGEST)
    each = [] if gpus == _LARGEST else [f"trainer.n_gpus_per_node={gpus}"]
    if found.nodes > 1:
        return ["hardware=nodes", f"trainer.nnodes={found.nodes}", *each]
    return ["hardware=gpu1"] if gpus == 1 else ["hardware=gpu8", *each]


def _machine() -> Found:
    """Ask nvidia-smi for the GPUs of this machine, as far as CUDA_VISIBLE_DEVICES shows them."""
    try:
        answer = subprocess.run(_SMI, capture_output=True, text=True, timeout=_ANSWER_S, check=True).stdout
    except FileNotFoundError:
        return Found(1, 0, "found no NVIDIA GPU (no nvidia-smi)")
    except subprocess.CalledProcessError as error:
        reason = (error.stdout + error.stderr).strip().partition("\n")[0]
        return Found(1, 0, f"found no usable NVIDIA GPU (nvidia-smi: {reason})")
    except subprocess.TimeoutExpired:
        return Found(1, 0, f"found no usable NVIDIA GPU (nvidia-smi did not answer in {_ANSWER_S} s)")
    rows = [[cell.strip() for cell in line.split(",", 3)] for line in answer.splitlines() if line.strip()]
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None:
        rows = _visible(rows, shown)
        if not rows:
            return Found(1, 0, f"found no GPU that CUDA_VISIBLE_DEVICES={shown} shows")
    if not rows:
        return Found(1, 0, "found no NVIDIA GPU")
    smallest = min(rows, key=lambda row: _mib(row[2]))
    words = f"found {len(rows)} x {smallest[3]} with {_mib(smallest[2]) / 1024:.0f} GiB"
    if _mib(smallest[2]) < _PLANNED_MIB:
        words += " (the configs are reckoned for 80 GB; for smaller GPUs see docs/sizing.md)"
    return Found(1, len(rows), words)


def _visible(rows: list[list[str]], shown: str) -> list[list[str]]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names, by index or start of UUID; CUDA stops at one it cannot find."""
    visible: list[list[str]] = []
    for name in shown.split(","):
        match = [row for row in rows if name and (row[0] == name.strip() or row[1].startswith(name.strip() or "-"))]
        if not match or match[0] in visible:
            break
        visible.append(match[0])
    return visible


def _mib(cell: str) -> int:
    """Return a memory size; GPUs that share the machine's memory have none of their own ("[N/A]")."""
    return int(cell) if cell.isdigit() else 0


def _cluster(address: str) -> Found:
    """Ask a Ray cluster what its nodes have; in a process of its own, since Ray changes the one that it joins from."""
    command = [sys.executable, "-c", _ASK_RAY, address]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=True).stdout
    except subprocess.CalledProcessError as error:
        reason = WANTS_TOKEN if "InvalidAuthToken" in error.stderr else error.stderr.strip().splitlines()[-1]
        raise ConfigError(_no_answer(address, reason)) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(_no_answer(address, f"no answer in {_ANSWER_S} s")) from error
    nodes: list[dict[str, float]] = json.loads(answer.splitlines()[-1])
    # Ray names the type of GPUs that it has seen itself; without it, the count is one that somebody gave: a ticket.
    gpus = [int(node["GPU"]) for node in nodes if node.get("GPU") and any("accelerator_type:" in key for key in node)]
    if not gpus:
        return Found(len(nodes), 0, f"found a Ray cluster of {len(nodes)} nodes without GPUs")
    return Found(len(gpus), min(gpus), f"found a Ray cluster with {'+'.join(map(str, gpus))} GPUs")


def _no_answer(address: str, reason: str) -> str:
    return (
        f"ray_address={address}: no Ray cluster answers ({reason}); start one with `ray start --head`, correct the "
        "address, or leave ray=existing out"
    )


def _missing() -> str | None:
    """Return what verl lacks to use GPUs, with the fix; None when all is there."""
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        return "PyTorch is not installed (pip install 'rm-train[gpu]')"
    version = Path(torch.origin).with_name("version.py").read_text()
    if not re.search(r"^cuda\b[^=\n]*=\s*['\"]", version, re.MULTILINE):
        return "PyTorch is a build without CUDA (pip install --force-reinstall 'rm-train[gpu]' in a fresh environment)"
    if importlib.util.find_spec("vllm") is None:
        return "vLLM is not installed (pip install 'rm-train[gpu]')"
    if importlib.util.find_spec("flash_attn") is None:
        return f"flash-attn is not installed ({FLASH_ATTENTION})"
    return None
