"""A random tiny Llama, sharp enough that its distributions differ from token to token."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rm_train.cpu import attention

# Several threads on cores that others use spend their time waiting for one another.
torch.set_num_threads(1)

VOCABULARY = 61
EOS = 1


@pytest.fixture(scope="session")
def sizes() -> dict[str, object]:
    """Return what the configs of the models here have in common."""
    attention.register()
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.25,
        "attn_implementation": attention.NAME,
    }


@pytest.fixture(scope="session")
def llama(sizes: dict[str, object]) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(**sizes, max_position_embeddings=256, bos_token_id=None, eos_token_id=EOS, pad_token_id=0)
    return LlamaForCausalLM(config).eval()
