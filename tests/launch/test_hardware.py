"""hardware=auto: what a machine has becomes explicit overrides, with one line that says why."""

import stat
import sys
from pathlib import Path

import pytest

from rm_train.launch import hardware
from rm_train.launch.config import compose_config
from rm_train.launch.hardware import with_hardware

A100 = "{index}, GPU-{index}a0b1c2d3, {mib}, 580.65.06, NVIDIA A100-SXM4-80GB"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a machine: an nvidia-smi that prints these lines, or fails, as the only program on the path."""

    def make(output: str | None, status: int = 0) -> None:
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        if output is not None:
            program = programs / "nvidia-smi"
            program.write_text(f"#!{sys.executable}\nprint({output!r})\nraise SystemExit({status})\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(programs))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return make


@pytest.fixture
def gpus(machine, installed):
    """Make a machine with so many A100s, and everything installed that verl needs for them."""

    def make(count: int, mib: int = 81920) -> None:
        machine("\n".join(A100.format(index=index, mib=mib) for index in range(count)))
        installed()

    return make


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install packages, empty but for what is looked at, in front of the real ones."""

    def make(cuda: str = "'13.0'", packages: tuple[str, ...] = ("torch", "vllm", "flash_attn")) -> None:
        folder = tmp_path / "site"
        for name in packages:
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").touch()
        (folder / "torch" / "version.py").write_text(f"__version__ = '2.11.0'\ncuda: str | None = {cuda}\nhip = None\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "torch", raising=False)

    return make


def test_a_machine_without_nvidia_smi_is_a_cpu(machine) -> None:
    machine(None)
    assert with_hardware(["steps=3"]) == (
        ("hardware=cpu", "steps=3"),
        "found no NVIDIA GPU (no nvidia-smi); chosen: hardware=cpu (hardware=NAME overrules)",
    )


def test_a_driver_that_does_not_work_is_named(machine) -> None:
    machine("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\nMore.", status=9)
    overrides, said = with_hardware([])
    assert overrides == ("hardware=cpu",)
    assert said is not None
    assert "couldn't communicate with the NVIDIA driver.)" in said


@pytest.mark.parametrize(
    ("count", "chosen"),
    [
        (1, ("hardware=gpu1",)),
        (2, ("hardware=gpu8", "trainer.n_gpus_per_node=2")),
        (4, ("hardware=gpu8", "trainer.n_gpus_per_node=4")),
        (7, ("hardware=gpu8", "trainer.n_gpus_per_node=4")),
        (8, ("hardware=gpu8",)),
        (16, ("hardware=gpu8",)),
    ],
)
def test_the_number_of_gpus_decides(gpus, count: int, chosen: tuple[str, ...]) -> None:
    gpus(count)
    overrides, said = with_hardware(["hardware=auto", "seed=1"])
    assert overrides == (*chosen, "seed=1")
    assert said is not None
    assert said.startswith(f"found {count} x NVIDIA A100-SXM4-80GB with 80 GiB; chosen: {' '.join(chosen)}")
    config = compose_config("pointwise", overrides)
    assert config.trainer.n_gpus_per_node <= count


@pytest.mark.parametrize(
    ("shown", "count"), [("0,1", 2), ("3", 1), ("GPU-1a0b,GPU-2a", 2), ("1,9,2", 1), ("0,0", 1), ("", 0), ("-1", 0)]
)
def test_cuda_visible_devices_is_heeded(gpus, monkeypatch: pytest.MonkeyPatch, shown: str, count: int) -> None:
    gpus(4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    overrides, said = with_hardware([])
    expected = {0: "hardware=cpu", 1: "hardware=gpu1", 2: "hardware=gpu8"}[count]
    assert overrides[0] == expected
    assert said is not None
    assert (f"CUDA_VISIBLE_DEVICES={shown} shows" in said) == (count == 0)


def test_smaller_gpus_are_pointed_to_the_sizes(gpus) -> None:
    gpus(8, mib=40960)
    _, said = with_hardware([])
    assert said is not None
    assert "with 40 GiB (the configs are reckoned for 80 GB; for smaller GPUs see docs/sizing.md)" in said


def test_a_torch_without_cuda_is_named_with_its_fix(machine, installed) -> None:
    machine(A100.format(index=0, mib=81920))
    installed(cuda="None")
    overrides, said = with_hardware([])
    assert overrides == ("hardware=cpu",)
    assert said is not None
    assert "which cannot be used: PyTorch is a build without CUDA (pip install" in said


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        (("torch", "flash_attn"), "vLLM is not installed (pip install 'rm-train[gpu]')"),
        (("torch", "vllm"), "flash-attn is not installed (pip install flash-attn"),
    ],
)
def test_a_missing_package_is_named_with_its_fix(machine, installed, packages: tuple[str, ...], message: str) -> None:
    machine(A100.format(index=0, mib=81920))
    installed(packages=packages)
    overrides, said = with_hardware([])
    assert overrides == ("hardware=cpu",)
    assert said is not None and message in said


def test_the_torch_of_this_environment_is_told_apart() -> None:
    import torch

    assert (hardware._missing() or "").startswith("PyTorch is a build without CUDA") == (torch.version.cuda is None)


def test_a_choice_of_the_user_is_kept_and_nothing_is_looked_at(machine) -> None:
    machine("never read", status=1)
    assert with_hardware(["hardware=gpu8", "seed=1"]) == (("hardware=gpu8", "seed=1"), None)


def test_a_count_that_the_user_gave_is_kept(gpus) -> None:
    gpus(4)
    overrides, _ = with_hardware(["trainer.n_gpus_per_node=2"])
    assert overrides == ("hardware=gpu8", "trainer.n_gpus_per_node=2")


def test_the_run_folder_is_that_of_the_explicit_choice(machine) -> None:
    machine(None)
    chosen, _ = with_hardware(["hardware=auto"])
    assert compose_config("pointwise", chosen).run_dir == compose_config("pointwise", ["hardware=cpu"]).run_dir
    assert compose_config("pointwise", chosen).run_dir == compose_config("pointwise", []).run_dir


@pytest.mark.parametrize(
    ("nodes", "chosen", "words"),
    [
        ([{"CPU": 4}], ("hardware=cpu",), "a Ray cluster of 1 nodes without GPUs"),
        ([{"CPU": 4, "GPU": 1}], ("hardware=cpu",), "without GPUs"),  # a ticket, not a GPU
        ([{"CPU": 4}, {"GPU": 8, "accelerator_type:A100": 1}], ("hardware=gpu8",), "with 8 GPUs"),
        (
            [{"GPU": 8, "accelerator_type:A100": 1}] * 3,
            ("hardware=nodes", "trainer.nnodes=3"),
            "with 8+8+8 GPUs",
        ),
        (
            [{"GPU": 8, "accelerator_type:A100": 1}, {"GPU": 4, "accelerator_type:A100": 1}],
            ("hardware=nodes", "trainer.nnodes=2", "trainer.n_gpus_per_node=4"),
            "with 8+4 GPUs",
        ),
    ],
)
def test_the_nodes_of_a_cluster_that_is_joined_decide(
    machine, installed, monkeypatch: pytest.MonkeyPatch, nodes: list, chosen: tuple[str, ...], words: str
) -> None:
    machine(A100.format(index=0, mib=81920))  # the head has a GPU of its own, which does not count
    installed()
    told = [{"alive": True, "total": resources} for resources in nodes] + [{"alive": False, "total": {}}]
    monkeypatch.setattr(hardware, "cluster_nodes", lambda address: {"head:6379": told}[address])
    given = ["ray=existing", "ray_address=head:6379"]
    overrides, said = with_hardware(given)
    assert overrides == (*chosen, *given)
    assert said is not None and words in said
    compose_config("pointwise", overrides)
