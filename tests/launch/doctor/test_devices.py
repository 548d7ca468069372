"""What the doctor says of processors, GPUs and memory; a program in the place of nvidia-smi stands for the driver."""

import os
import sys

import pytest
import torch

from rm_train.launch.doctor.devices import cpu, gpu, memory


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program named nvidia-smi first in the path."""

    def put(code: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!{sys.executable}\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return put


ONE_GPU = "print('NVIDIA H100 80GB HBM3, 81559 MiB, 550.54.15')"


def test_all_cores_are_fine_and_a_container_with_fewer_is_told_how_many_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cpu(os.cpu_count()).state == "ok"
    finding = cpu(0.5)
    assert finding.state == "warning" and "of which this container may use 0.5" in finding.what
    assert finding.fix == "set OMP_NUM_THREADS=1"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cpu(0.5).state == "ok"


def test_no_driver_and_no_gpu_is_fine(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = gpu()
    assert finding.state == "ok" and finding.what.startswith("none by nvidia-smi")


def test_a_gpu_and_a_cpu_build_is_a_warning(nvidia_smi, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    nvidia_smi(ONE_GPU)
    finding = gpu()
    assert finding.state == "warning"
    assert "H100" in finding.what and "550.54.15" in finding.what and "is a CPU build" in finding.what
    assert "pip install 'rm-train[gpu]'" in finding.fix


def test_gpus_that_torch_does_not_see_are_a_warning(nvidia_smi, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    nvidia_smi(ONE_GPU)
    finding = gpu()
    assert finding.state == "warning" and finding.what.endswith("sees 0")
    assert finding.fix == "install a driver that runs CUDA 13.0 programs"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu().state == "ok" and gpu().what.endswith("as CUDA_VISIBLE_DEVICES= says")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert gpu().state == "ok" and gpu().what.endswith("sees 1")


def test_a_driver_that_fails_is_a_warning_with_its_words(nvidia_smi):
    nvidia_smi("import sys; print('NVIDIA-SMI has failed: no driver'); sys.exit(9)")
    finding = gpu()
    assert (finding.state, finding.what) == ("warning", "nvidia-smi fails: NVIDIA-SMI has failed: no driver")
    assert finding.fix == "repair NVIDIA's driver, or use hardware=cpu"


def test_a_driver_that_hangs_is_a_warning(nvidia_smi, monkeypatch):
    monkeypatch.setattr("rm_train.launch.doctor.devices._SMI_S", 0.2)
    nvidia_smi("import time; time.sleep(30)")
    assert gpu().what.startswith("nvidia-smi does not answer")


def test_little_memory_is_a_warning():
    assert memory(enough=1).state == "ok"
    finding = memory(enough=2**60)
    assert finding.state == "warning" and "the tiny judge takes" in finding.what
    assert finding.fix == "end other programs, or raise the limit"
