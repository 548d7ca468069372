"""The CPU as verl sees it."""

import socket
from types import SimpleNamespace

import psutil
import pytest
import torch
from verl.plugin.platform import PlatformBase

from rm_train.cpu import engine
from rm_train.cpu.platform import CpuDeviceModule, PlatformCPU


def test_everything_that_verl_asks_a_platform_is_answered():
    platform = PlatformCPU()
    assert isinstance(platform, PlatformBase)
    assert torch.zeros(2).to(platform.current_device()).device.type == platform.device_name == "cpu"
    assert platform.ray_resource_options(0.5) == {"num_gpus": 0.5}
    with platform.nvtx_range("x"):
        platform.empty_cache()


def test_memory_figures_are_those_of_the_process():
    device = CpuDeviceModule()
    before = device.memory_allocated()
    block = torch.ones(64 << 20, dtype=torch.uint8)
    assert device.memory_allocated() - before > 32 << 20
    assert device.max_memory_allocated() >= device.memory_allocated() * 0.99
    del block
    available, total = device.mem_get_info()
    assert 0 < available <= total <= psutil.virtual_memory().total


def test_random_state_is_saved_and_restored():
    device = CpuDeviceModule()
    device.manual_seed(3)
    state = device.get_rng_state()
    first, second = torch.rand(5), torch.rand(5)
    device.set_rng_state(state)
    assert torch.equal(torch.rand(5), first)
    assert not torch.equal(first, second)


def test_streams_come_from_torch():
    assert CpuDeviceModule().Stream is torch.cpu.Stream
    with pytest.raises(AttributeError):
        _ = CpuDeviceModule().no_such_call


@pytest.fixture
def worker_of_one(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_a_worker_joins_through_verl_s_own_call(worker_of_one, monkeypatch):
    from verl.utils import distributed

    platform = PlatformCPU()
    monkeypatch.setattr(distributed, "get_device_name", lambda: platform.device_name)
    monkeypatch.setattr(distributed, "get_nccl_backend", platform.communication_backend_name)
    distributed.initialize_global_process_group_ray()
    assert torch.distributed.get_backend() == "gloo"
    total = torch.ones(2)
    torch.distributed.all_reduce(total)
    assert total.tolist() == [1, 1]


def test_asking_for_the_backend_elsewhere_joins_nothing(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert PlatformCPU().communication_backend_name() == "gloo"
    assert not torch.distributed.is_initialized()


def test_forward_only_models_are_built_without_pinned_memory(monkeypatch):
    from verl.workers.config import FSDPEngineConfig

    seen = []

    def build(self, module):
        seen.append((self.engine_config.forward_only, self.engine_config.offload_policy))
        return module

    monkeypatch.setattr(engine.FSDPEngineWithLMHead, "_build_fsdp_module", build)
    config = FSDPEngineConfig(forward_only=True, offload_policy=True, strategy="fsdp2")
    stub = SimpleNamespace(engine_config=config)
    built = object.__new__(engine.FSDP2CpuEngine)
    built.__dict__.update(vars(stub))
    module = torch.nn.Linear(1, 1)
    assert built._build_fsdp_module(module) is module
    assert seen == [(False, False)]
    assert built.engine_config is config
