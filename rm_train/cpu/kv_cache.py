"""A key-value cache for batches whose sequences share prompts and finish one by one.

transformers' dynamic cache copies all of itself for every token. This one writes into spare room, is filled from
prompts that were read once however many sequences continue them, and drops finished sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PretrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

ROOM = 64
"""Tokens of spare room that a cache starts with, and the least that it grows by."""


@dataclass(frozen=True, slots=True)
class PrefilledPrompts:
    """Prompts that the model has read together.

    Attributes:
        cache: What the model has kept of them, padded on the left to a common width.
        source: For each sequence that continues one of them, which.
        rows: The rows of these sequences in the batch.
    """

    cache: DynamicCache
    source: torch.Tensor
    rows: slice


class _RoomyLayer(CacheLayerMixin):  # type: ignore[misc]
    """The keys and values of one layer at the front of larger tensors."""

    is_sliding = False

    def __init__(self, prefilled: Sequence[tuple[PrefilledPrompts, CacheLayerMixin]], rows: int, width: int) -> None:
        super().__init__()
        sample = prefilled[0][1]
        self.dtype, self.device, self.is_initialized = sample.keys.dtype, sample.keys.device, True
        self._length = width
        # Zeros, not whatever is in memory: a NaN in the padding would survive the attention mask.
        self._keys = self._zeros(sample.keys, rows, width + ROOM)
        self._values = self._zeros(sample.values, rows, width + ROOM)
        for prompts, layer in prefilled:
            columns = slice(width - layer.keys.shape[-2], width)
            self._keys[prompts.rows, :, columns] = layer.keys[prompts.source]
            self._values[prompts.rows, :, columns] = layer.values[prompts.source]

    @staticmethod
    def _zeros(like: torch.Tensor, rows: int, width: int) -> torch.Tensor:
        return like.new_zeros((rows, like.shape[1], width, like.shape[3]))

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: the layer is made from prompts that were read."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values, and return all of them."""
        start, end = self._length, self._length + key_states.shape[-2]
        capacity = self._keys.shape[-2]
        if end > capacity:
            spare = max(ROOM, capacity // 2)
            self._keys = torch.cat([self._keys, self._zeros(self._keys, len(self._keys), spare)], dim=-2)
            self._values = torch.cat([self._values, self._zeros(self._values, len(self._values), spare)], dim=-2)
        self._keys[:, :, start:end] = key_states
        self._values[:, :, start:end] = value_states
        self._length = end
        return self._keys[:, :, :end], self._values[:, :, :end]

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows only."""
        self._keys = self._keys[indices]
        self._values = self._values[indices]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the number of keys that a query will see and the position of the first."""
        return self._length + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of tokens in the cache."""
        return self._length

    def get_max_cache_shape(self) -> int:
        """Return that there is no limit."""
        return -1


def check_supported(config: PretrainedConfig) -> None:
    """Raise unless all of a model's state is keys and values.

    Raises:
        NotImplementedError: If a layer keeps state of another kind, such as a recurrent one.
    """
    for layer in DynamicCache(config=config).layers:
        # Not isinstance: recurrent and compressed layers derive from these two.
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise NotImplementedError(f"the hf_cpu rollout cannot cache the {type(layer).__name__} of this model")


def merge(prefilled: Sequence[PrefilledPrompts], rows: int, width: int) -> Cache:
    """Return one cache of `rows` sequences from prompts read in several parts, each padded on the left to `width`."""
    layers = [
        _RoomyLayer([(part, part.cache.layers[index]) for part in prefilled], rows, width)
        for index in range(len(prefilled[0].cache.layers))
    ]
    return Cache(layers=layers)
