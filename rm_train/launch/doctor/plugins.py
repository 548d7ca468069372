"""verl's plug-ins: verl tells of one that fails in a debug line only, and goes on without it."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from rm_train.launch.doctor.finding import Finding, bad, warn

_GROUP, _OURS = "verl.plugins", "rm_train_cpu"
_POLICY = "VERL_USE_EXTERNAL_PLUGINS"


def plugins() -> Iterator[Finding]:
    """Examine each plug-in that is installed, and whether ours has given verl what it is there for."""
    installed = {entry.name: entry for entry in entry_points(group=_GROUP)}
    yield _ours(installed.pop(_OURS, None))
    for name, entry in installed.items():
        subject = f"verl plug-in {name}"
        if not _allowed(name):
            yield Finding(subject, f"left out, as {_POLICY} says")
        elif failure := _failure(entry.load):
            yield warn(subject, f"fails with {failure}", f"repair or uninstall it, or leave it out with {_POLICY}")
        else:
            yield Finding(subject, "loaded")


def _ours(entry: EntryPoint | None) -> Finding:
    subject = f"verl plug-in {_OURS}"
    if entry is None:
        return bad(subject, "is not installed: Python knows no such entry point", "install rm-train again with pip")
    if not _allowed(_OURS):
        return bad(subject, f"{_POLICY}={os.environ[_POLICY]} leaves it out", f"unset {_POLICY}, or add {_OURS} to it")
    failure = _failure(lambda: import_module("verl")) or _failure(entry.load) or _failure(_registered)
    if failure:
        return bad(subject, f"fails with {failure}", "repair what the message names")
    return _loaded(subject)


def _loaded(subject: str) -> Finding:
    """Tell what a plug-in that works has done, and whether that fits this build of torch."""
    import torch
    from verl.plugin.platform import get_platform

    device, cuda = get_platform().device_name, torch.version.cuda or torch.version.hip
    chosen = os.environ.get("VERL_PLATFORM", "").strip()
    reason = f"as VERL_PLATFORM={chosen} says" if chosen else f"as torch is {'a GPU' if cuda else 'a CPU'} build"
    what = f"loaded; verl's device is {device}, {reason}"
    if device == "cuda" and not cuda:
        return bad(subject, what, "unset VERL_PLATFORM, or install a build of torch for GPUs")
    if device == "cpu":
        what += "; engines and rollout are registered"
    return Finding(subject, what)


def _registered() -> None:
    """Ask verl for its platform and for what our plug-in registers, as its workers do."""
    from verl.plugin.platform import get_platform

    from rm_train.cpu import plugin

    get_platform()
    if not plugin.LOADED:
        return
    from verl.workers.engine import EngineRegistry
    from verl.workers.rollout.base import get_rollout_class
    from verl.workers.rollout.replica import get_rollout_replica_class

    from rm_train.cpu.rollout_registry import NAME

    import_module("rm_train.cpu.engine")
    for kind in ("language_model", "value_model"):
        EngineRegistry.get_engine_cls(kind, "fsdp2")
    get_rollout_class(NAME)
    get_rollout_replica_class(NAME)


def _allowed(name: str) -> bool:
    """Return whether verl's variable lets it load a plug-in; verl reads the variable in lower case."""
    policy = os.environ.get(_POLICY, "auto").strip().lower()
    return policy == "auto" or name in {part.strip() for part in policy.split(",")}


def _failure(load: Callable[[], object]) -> str | None:
    """Return the last line of the traceback that loading ends with, if any."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load()
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what verl hides
        return traceback.format_exception_only(error)[-1].strip()
    return None
