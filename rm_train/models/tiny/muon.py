"""The Muon optimiser in float32: it teaches the tiny judge in a third of the steps that Adam needs.

torch.optim.Muon computes its update in bfloat16, which a CPU does about 18 times slower than float32 (measured on
128x128 matrices); that would cost more than the training itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration of Muon (Keller Jordan, 2024)."""


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal, for the weight matrices of hidden layers.

    Args:
        matrices: Parameters of two dimensions.
        lr: The spectral norm of a step, before the factor sqrt(rows/columns) of tall matrices.
        momentum: Nesterov momentum, in 0..1.
    """

    def __init__(self, matrices: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ANN401 - torch's signature
        """Move each matrix; those of one shape are made orthogonal together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                shapes[matrix.shape].append(matrix)
            for shape, matrices in shapes.items():
                updates = orthogonal(torch.stack([self._momentum(matrix, group["momentum"]) for matrix in matrices]))
                length = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.add_(update, alpha=-length)

    def _momentum(self, matrix: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        assert matrix.grad is not None
        average: torch.Tensor = self.state[matrix].setdefault("average", torch.zeros_like(matrix))
        average.lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(average, momentum)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Return about the nearest semi-orthogonal matrix to each (singular values between 0.7 and 1.2)."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = _NEWTON_SCHULZ
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: torch.Tensor = x.mT if tall else x
    return result
