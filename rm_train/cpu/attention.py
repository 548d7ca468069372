"""Attention for generation on the CPU: transformers' own, without copying keys and values for grouped queries.

With a mask, transformers repeats the keys and values of a layer for all the query heads that share them, for every
token. Query heads that share keys can as well be queries of one head.
"""

from __future__ import annotations

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "hf_cpu_sdpa"
"""The value of `attn_implementation`."""


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    rows, heads, length, _ = query.shape
    groups = heads // key.shape[1]
    if length > 1 or groups == 1:
        output: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return output
    # One token attends to all that the mask shows it, so its heads are as good as several tokens.
    folded = query.reshape(rows, key.shape[1], groups, -1)
    attended = torch.nn.functional.scaled_dot_product_attention(
        folded, key, value, attn_mask=attention_mask, scale=scaling
    )
    return attended.reshape(rows, 1, heads, -1), None


def register() -> None:
    """Make the implementation known to transformers by its name."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
