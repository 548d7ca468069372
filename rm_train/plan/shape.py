"""The shape of a language model: how many weights it has, and what a token takes inside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BF16, FP32 = 2, 4
"""Bytes of a number."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder-only transformer with grouped queries, a gated MLP and RMS norms, as its config.json has it.

    Attributes:
        layers: `num_hidden_layers`.
        hidden: `hidden_size`.
        heads: `num_attention_heads`.
        kv_heads: `num_key_value_heads`.
        head_dim: Numbers of a head.
        intermediate: `intermediate_size` of the MLP.
        vocab: `vocab_size`.
        tied: Whether the output projection is the embedding.
        biases: Whether query, key and value have biases (Qwen2).
        norms: Whether query and key are normalized by head (Qwen3).
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool = False
    biases: bool = False
    norms: bool = False

    def linears(self) -> Iterator[tuple[str, int, int]]:
        """Yield each linear map of a layer: its name, and how many numbers go in and come out."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        yield "q_proj", self.hidden, queries
        yield "k_proj", self.hidden, keys
        yield "v_proj", self.hidden, keys
        yield "o_proj", queries, self.hidden
        yield "gate_proj", self.hidden, self.intermediate
        yield "up_proj", self.hidden, self.intermediate
        yield "down_proj", self.intermediate, self.hidden

    @property
    def layer_parameters(self) -> int:
        """Weights of a layer: linear maps, biases, and norms."""
        matrices = sum(size * out for _, size, out in self.linears())
        biases = self.head_dim * (self.heads + 2 * self.kv_heads) if self.biases else 0
        return matrices + biases + 2 * self.hidden + (2 * self.head_dim if self.norms else 0)

    @property
    def head_parameters(self) -> int:
        """Weights of the output projection, the largest single tensor."""
        return self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """All weights."""
        embeddings = self.head_parameters * (1 if self.tied else 2)
        return embeddings + self.layers * self.layer_parameters + self.hidden

    @property
    def critic_parameters(self) -> int:
        """Weights of a critic: the output projection gives one number."""
        return self.parameters - (0 if self.tied else self.head_parameters) + self.hidden

    def adapter_parameters(self, rank: int, modules: Iterable[str] | None = None) -> int:
        """Return the weights of LoRA adapters: for each linear map two matrices, from its input and to its output.

        Args:
            rank: The numbers between the two.
            modules: The names of the maps that have one; None for all.
        """
        named = None if modules is None else set(modules)
        return self.layers * sum(
            rank * (size + out) for name, size, out in self.linears() if named is None or name in named
        )

    @property
    def cache_bytes(self) -> int:
        """KV cache of a token in bfloat16: a key and a value for each layer and KV head."""
        return 2 * self.layers * self.kv_heads * self.head_dim * BF16

    @property
    def layer_bytes(self) -> int:
        """What a token takes inside a layer, bfloat16: norms, residuals, queries, keys, values, the MLP's products."""
        attention = 2 * self.head_dim * (self.heads + 2 * self.kv_heads)
        return BF16 * (6 * self.hidden + attention + 4 * self.intermediate)
