"""A key-value cache for a batch that sequences join and leave while it is generated.

All sequences end at the same column, so a token is one write and one contiguous view, and a sequence that joins is put
right-aligned beside the others. One that leaves gives its row to the last one. transformers' own dynamic cache copies
all of itself for every token and cannot take new sequences.
"""

from __future__ import annotations

import torch
from transformers import PretrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

ROOM = 64
"""The least number of columns that the cache grows by."""


class _Window:
    """The part of every layer's tensors that is in use.

    Attributes:
        rows: Sequences in the batch.
        begin: The first column that a sequence uses.
        end: The column of the next token, the same for all sequences.
    """

    def __init__(self) -> None:
        self.rows = self.begin = self.end = 0


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """The keys and values of one layer, inside larger tensors of shape (rows, heads, columns, size)."""

    is_sliding = False

    def __init__(self, window: _Window) -> None:
        super().__init__()
        self._window = window
        self.release()

    def release(self) -> None:
        """Give the memory back."""
        self.keys = self.values = torch.empty(0)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: `resize` makes the tensors."""

    def resize(self, like: torch.Tensor, rows: int, columns: int, shift: int) -> None:
        """Move what is in use to larger tensors, `shift` columns to the right."""
        self.dtype, self.device, self.is_initialized = like.dtype, like.device, True
        used = self._window
        for name in ("keys", "values"):
            # Zeros, not whatever is in memory: a NaN in the padding would survive the attention mask.
            larger = like.new_zeros((rows, like.shape[1], columns, like.shape[3]))
            if used.rows:
                columns_used = getattr(self, name)[: used.rows, :, used.begin : used.end]
                larger[: used.rows, :, used.begin + shift : used.end + shift] = columns_used
            setattr(self, name, larger)

    def write(self, rows: slice, end: int, source: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Fill rows with prompts that end at column `end`; `source` says which prompt each row continues."""
        columns = slice(end - keys.shape[-2], end)
        self.keys[rows, :, columns] = keys[source]
        self.values[rows, :, columns] = values[source]

    def move(self, sources: torch.Tensor, targets: torch.Tensor) -> None:
        """Copy rows over others."""
        columns = slice(self._window.begin, self._window.end)
        for tensor in (self.keys, self.values):
            tensor[targets, :, columns] = tensor[sources, :, columns]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one token of every sequence at the window's end, and return all of the window with it."""
        rows, begin, end = self._window.rows, self._window.begin, self._window.end
        self.keys[:rows, :, end : end + 1] = key_states
        self.values[:rows, :, end : end + 1] = value_states
        return self.keys[:rows, :, begin : end + 1], self.values[:rows, :, begin : end + 1]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the number of keys that a query will see and the position of the first."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of columns in use."""
        return self._window.end - self._window.begin

    def get_max_cache_shape(self) -> int:
        """Return that there is no limit."""
        return -1


class BatchCache(Cache):  # type: ignore[misc]
    """The keys and values of a changing batch; give it to the model's forward for one token of every sequence.

    Raises:
        NotImplementedError: A layer of the model keeps state of another kind, such as a recurrent one.
    """

    def __init__(self, config: PretrainedConfig) -> None:
        layers = DynamicCache(config=config).layers
        for layer in layers:
            # Not isinstance: recurrent and compressed layers derive from these two.
            if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
                raise NotImplementedError(f"the hf_cpu rollout cannot cache the {type(layer).__name__} of this model")
        self._window = _Window()
        self._rows, self._columns = 0, 0
        self._starts = torch.zeros(0, dtype=torch.long)
        super().__init__(layers=[_Layer(self._window) for _ in layers])

    def join(self, prompts: DynamicCache, lengths: torch.Tensor, source: torch.Tensor) -> None:
        """Add sequences behind the others.

        Args:
            prompts: What the model has kept of prompts that it read together, padded on the left to a common width.
            lengths: The length of each of these prompts, without padding.
            source: For each new sequence, the prompt that it continues.
        """
        window, added, width = self._window, len(source), prompts.get_seq_length()
        end = max(window.end, width)
        self._reserve(prompts.layers[0].keys, window.rows + added, end + 1, shift=end - window.end)
        rows = slice(window.rows, window.rows + added)
        for layer, prompt in zip(self.layers, prompts.layers, strict=True):
            layer.write(rows, window.end, source, prompt.keys, prompt.values)
        self._starts = torch.cat([self._starts, window.end - lengths[source]])
        window.rows += added
        window.begin = int(self._starts.min())

    def _reserve(self, like: torch.Tensor, rows: int, columns: int, shift: int) -> None:
        """Make room for so many rows and columns, with what is in use moved to the right."""
        if rows <= self._rows and columns <= self._columns and not shift:
            return
        # Half as much again, so that a batch that grows one by one is not copied each time.
        if rows > self._rows:
            self._rows = max(rows, self._rows * 3 // 2)
        self._columns = max(self._columns, columns + max(ROOM, columns // 2))
        for layer in self.layers:
            layer.resize(like, self._rows, self._columns, shift)
        self._window.begin += shift
        self._window.end += shift
        self._starts = self._starts + shift

    def mask(self) -> torch.Tensor:
        """Return which columns of the window, and the next token, each sequence may attend to."""
        return torch.arange(self._window.begin, self._window.end + 1) >= self._starts[:, None]

    def grow(self) -> None:
        """Make room for the next token of every sequence; call it before the model's forward."""
        window = self._window
        if window.end == self._columns:
            # Columns on the left that only sequences used which have left are given up first.
            like, columns = self.layers[0].keys, window.end - window.begin + 1
            self._reserve(like, window.rows, columns, shift=-window.begin)

    def advance(self) -> None:
        """Take the token that the model has written as part of every sequence; call it after the model's forward."""
        self._window.end += 1

    def keep(self, order: torch.Tensor) -> None:
        """Keep these rows, in this order."""
        window = self._window
        moved = (order != torch.arange(len(order))).nonzero().squeeze(-1)
        if len(moved):
            for layer in self.layers:
                layer.move(order[moved], moved)
        self._starts = self._starts[order]
        window.rows = len(order)
        if window.rows:
            window.begin = int(self._starts.min())
            return
        # The memory is the trainer's now.
        window.begin = window.end = self._rows = self._columns = 0
        for layer in self.layers:
            layer.release()
