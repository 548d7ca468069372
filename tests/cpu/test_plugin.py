"""What `import verl` does, with this package installed: everything on a CPU build of torch, nothing on another."""

import json
import os
import subprocess
import sys

import pytest
import ray
import torch

from rm_train.cpu import plugin

REPORT = """
import json, sys
import verl
from verl.plugin.platform import PlatformRegistry, get_platform
from verl.workers.rollout.replica import RolloutReplicaRegistry
print(json.dumps({
    "discovered": "rm_train.cpu.plugin" in sys.modules,
    "loaded": getattr(sys.modules.get("rm_train.cpu.plugin"), "LOADED", None),
    "platform": get_platform().device_name,
    "platforms": "cpu" in PlatformRegistry.registered_names(),
    "rollout": "hf_cpu" in RolloutReplicaRegistry._registry,
    "imported": "rm_train.cpu.platform" in sys.modules,
}))
"""


def report(code, **variables):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VERL_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**environment, **variables}
    )
    return json.loads(done.stdout.splitlines()[-1])


def simulated(device):
    return f"import torch\ntorch.accelerator.current_accelerator = lambda *a, **k: torch.device('{device}')\n{REPORT}"


def test_a_build_for_cuda_is_left_alone():
    assert report(simulated("cuda")) == {
        "discovered": True,
        "loaded": False,
        "platform": "cuda",
        "platforms": False,
        "rollout": False,
        "imported": False,
    }


@pytest.mark.parametrize(
    ("build", "variable", "wanted"),
    [
        (None, None, True),
        ("mps", None, True),
        ("cuda", None, False),
        ("xpu", None, False),
        ("cuda", "cpu", True),
        ("cuda", " CPU ", True),
        (None, "nvidia", False),
    ],
)
def test_the_build_decides_unless_the_user_does(monkeypatch, build, variable, wanted):
    device = build and torch.device(build)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: device)
    monkeypatch.delenv("VERL_PLATFORM", raising=False)
    if variable:
        monkeypatch.setenv("VERL_PLATFORM", variable)
    assert plugin.wanted() == wanted


@pytest.fixture
def ray_worker():
    ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=80_000_000, runtime_env={"env_vars": {}})
    yield
    ray.shutdown()


def test_verl_finds_everything_in_a_ray_worker(ray_worker, monkeypatch):
    @ray.remote
    def inside():
        import verl
        from verl.plugin.platform import get_platform
        from verl.utils.device import get_nccl_backend
        from verl.workers.engine import EngineRegistry
        from verl.workers.rollout.base import get_rollout_class
        from verl.workers.rollout.replica import get_rollout_replica_class

        get_nccl_backend()  # a worker asks for it before it asks for its engine
        return (
            verl.__name__,
            get_platform().device_name,
            EngineRegistry.get_engine_cls("language_model", "fsdp2").__name__,
            EngineRegistry.get_engine_cls("value_model", "fsdp2").__name__,
            get_rollout_class("hf_cpu").__name__,
            get_rollout_replica_class("hf_cpu").__name__,
            os.getpid(),
        )

    *found, pid = ray.get(inside.options(runtime_env={"env_vars": {"VERL_PLATFORM": "cpu"}}).remote(), timeout=120)
    assert found == ["verl", "cpu", "FSDP2CpuEngine", "FSDP2CpuValueEngine", "ServerAdapter", "HfCpuReplica"]
    assert pid != os.getpid()
