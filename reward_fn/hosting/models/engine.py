"""How the server of a model is started: a process that speaks OpenAI's API, whatever engine is in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reward_fn.hosting.models.settings import ModelSettings

_PROGRAM = Path(__file__).parent / "programs" / "transformers_server.py"
_FOREIGN = ("PYTHONPATH", "PYTHONHOME")
"""Variables that would have another interpreter import what is there for this one."""


@dataclass(frozen=True, slots=True)
class Start:
    """A server's command and the whole of its environment; the key is in the latter, where others do not see it."""

    command: list[str]
    environment: dict[str, str]


def start_of(
    name: str, settings: ModelSettings, host: str, port: int, key: str, inherited: Mapping[str, str] = os.environ
) -> Start:
    """Return how to start a server.

    Args:
        name: What its users call the model.
        settings: What it serves, and by what.
        host: The address that it listens at.
        port: The port.
        key: What it asks of its users.
        inherited: The environment that it is started in.
    """
    python = str(settings.python or sys.executable)
    place = ["--host", host, "--port", str(port)]
    if settings.engine == "vllm":
        served = ["--model", settings.path, "--served-model-name", name]
        size = ["--tensor-parallel-size", str(settings.tensor_parallel)]
        command = [python, "-m", "vllm.entrypoints.openai.api_server", *served, *size, *place]
        variable = "VLLM_API_KEY"
    else:
        command = [python, str(_PROGRAM), "--model", settings.path, "--name", name, *place]
        variable = "API_KEY"
    dropped = _FOREIGN if settings.python else ()
    kept = {name: value for name, value in inherited.items() if name not in dropped}
    return Start([*command, *settings.arguments], {**kept, **settings.environment, variable: key})
