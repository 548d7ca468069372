"""Secrets are named and never written: what looks like one is refused in a job, and hidden in what we record.

verl prints its whole config into its log, and Ray keeps the entrypoint of a job where everyone can read it who reaches
the dashboard. A key such as WANDB_API_KEY therefore has to be in the environment of the nodes, and is known here by its
name alone.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from rm_train.launch.checks.problem import Problem

NAMES = "RM_TRAIN_SECRETS"
"""The variable that tells a job's processes which variables every node must have: names with commas between them."""

HIDDEN = "<redacted>"

_WORDS = r"api_?key|access_?key|secret_?key|private_?key|secret|password|passwd|credentials?"
_KEY = re.compile(rf"(?i)(?:{_WORDS}|(?:^|_)token)$")
"""How a key ends that holds a secret; `max_tokens` and `prompt_key` do not."""
_VALUE = re.compile(
    r"""\b(?:sk-|hf_|ghp_|github_pat_|glpat-|xox[abp]-|AIza|nvapi-)[\w-]{12,}  # of OpenAI, Hugging Face, GitHub, ...
      | \bAKIA[0-9A-Z]{16}\b                                                   # of AWS
      | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                                      # a JSON web token
      | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
      | \bBearer\ [\w.~+/-]{8,}
      | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)                                        # user and password in a URL""",
    re.VERBOSE,
)
_INLINE = re.compile(rf"(?i)\b((?:\w*_)?(?:{_WORDS}|token)['\"]?\s*[:=]\s*)(?!null\b)[^\s,{{}}]+")
"""A secret's key and value inside a longer text, such as `{{api_key: ...}}`."""
_FROM_ENVIRONMENT = re.compile(r"(?i)\$\{oc\.env:\w*(?:key|token|secret|passw|credential)\w*")


def is_secret(key: str, value: object) -> bool:
    """Return whether a setting holds a secret, by its key or by its value; null and the empty text are none."""
    if not isinstance(value, str) or value in ("", "null", "~"):
        return False
    return bool(_KEY.search(key.rpartition(".")[2]) or _VALUE.search(value))


def secret_overrides(overrides: Sequence[str]) -> list[Problem]:
    """Find overrides that would carry a secret into logs and metadata; their values are not shown again."""
    problems = []
    for override in overrides:
        key, _, value = override.partition("=")
        plain = value.strip("'\"")
        if is_secret(key, plain) or _INLINE.search(value) or _FROM_ENVIRONMENT.search(value):
            problems.append(Problem(
                key.lstrip("+~"), "holds a secret, which Ray and verl would write into metadata and logs",
                "have it in the environment of every node before `ray start`, name it with --secret NAME, and "
                "where a reward needs it write api_key_env=NAME instead of the value"))  # fmt: skip
    return problems


def hidden(value: Any, key: str = "") -> Any:  # noqa: ANN401 - whatever a config holds
    """Return a copy of a config's value in which what looks like a secret is replaced by `<redacted>`."""
    if isinstance(value, Mapping):
        return {name: hidden(part, str(name)) for name, part in value.items()}
    if isinstance(value, list):
        return [hidden(part, key) for part in value]
    return HIDDEN if is_secret(key, value) else value


def hidden_text(text: str) -> str:
    """Return a text, such as a command line or an error, in which what looks like a secret is replaced."""
    return _INLINE.sub(rf"\1{HIDDEN}", _VALUE.sub(HIDDEN, text))


def secret_problems() -> list[Problem]:
    """Find secrets that this job was submitted with by name and that this node does not have."""
    names = [name for name in os.environ.get(NAMES, "").split(",") if name]
    return [
        Problem(name, f"is not in the environment of {socket.gethostname()}, and the job was submitted with "
                f"--secret {name}", "set it before `ray start`, on every node, and start Ray there anew")
        for name in names if not os.environ.get(name)
    ]  # fmt: skip
