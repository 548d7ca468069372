"""The GPUs of a machine, asked of nvidia-smi: torch takes seconds, and a CUDA context takes memory from the run."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

_SMI = ("nvidia-smi", "--query-gpu=index,uuid,memory.total,driver_version,name", "--format=csv,noheader,nounits")
_ANSWER_S = 60
"""How long nvidia-smi may take to answer."""


class Gpu(NamedTuple):
    """A GPU; its memory is 0 where it shares the machine's."""

    number: str
    uuid: str
    mib: int
    driver: str
    name: str


class NoGpuError(Exception):
    """There is no GPU, or none that can be used; the message says why."""


def gpus() -> list[Gpu]:
    """Return the GPUs of this machine, whatever CUDA_VISIBLE_DEVICES shows of them.

    Raises:
        NoGpuError: There are none.
    """
    try:
        answer = subprocess.run(_SMI, capture_output=True, text=True, timeout=_ANSWER_S, check=True).stdout
    except FileNotFoundError:
        raise NoGpuError("found no NVIDIA GPU (no nvidia-smi)") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stdout + error.stderr).strip().partition("\n")[0]
        raise NoGpuError(f"found no usable NVIDIA GPU (nvidia-smi: {reason})") from None
    except subprocess.TimeoutExpired:
        raise NoGpuError(f"found no usable NVIDIA GPU (nvidia-smi did not answer in {_ANSWER_S} s)") from None
    rows = [[cell.strip() for cell in line.split(",", 4)] for line in answer.splitlines() if line.strip()]
    if not rows:
        raise NoGpuError("found no NVIDIA GPU")
    return [
        Gpu(number, uuid, int(mib) if mib.isdigit() else 0, driver, name) for number, uuid, mib, driver, name in rows
    ]
