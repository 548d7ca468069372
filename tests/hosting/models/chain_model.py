"""A model whose answers are known: each token has one that follows it. It is real for transformers, and takes no time.

After a prompt that ends with "?" it says "fine". After "!" it says a hundred and fifty other signs, which takes longer.
"""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

LONG = "".join(chr(0x4E00 + place) for place in range(150))
_CHAINS = ("?fine", "!" + LONG)
_SIZE = 256


def make_chain_model(folder: Path) -> Path:
    """Write the model into a folder, and return it."""
    signs = ["<unk>", "<end>", *dict.fromkeys("".join(_CHAINS))]
    number = {sign: place for place, sign in enumerate(signs)}
    follows = {}
    for chain in _CHAINS:
        follows |= dict(zip(chain, [*chain[1:], "<end>"], strict=True))
    config = LlamaConfig(
        vocab_size=_SIZE, hidden_size=_SIZE, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=1024, bos_token_id=None, eos_token_id=1, pad_token_id=1, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(_SIZE))
        for sign, next_one in follows.items():
            model.lm_head.weight[number[next_one], number[sign]] = 1.0
    model.save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel(number, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = Fuse()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>", pad_token="<end>")
    fast.chat_template = "{{ messages[-1]['content'] }}"
    fast.save_pretrained(folder)
    return folder
