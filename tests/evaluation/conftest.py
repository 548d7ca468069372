"""A random two-layer judge with its own tokenizer and a data file in verl's shape: nothing is downloaded."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reward_fn.judges.pointwise import pointwise_messages

sys.path.insert(0, str(Path(__file__).parent))

CONTEXT = 512
WORDS = {"city": "Oslo", "color": "blue", "animal": "fox", "food": "rice", "day": "Monday", "price": "9 euros"}
TEMPLATE = (
    "{% for turn in messages %}<|{{ turn['role'] }}|>{{ turn['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_rows(count: int, *, facts: bool = True) -> list[dict[str, Any]]:
    rng = random.Random(5)
    rows = []
    for index in range(count):
        asked = {kind: rng.random() < 0.5 for kind in rng.sample(list(WORDS), 4)}
        question = "Write about our trip. " + " ".join(f"Name a {kind}." for kind in asked)
        done = [f"We thought of {WORDS[kind]}." for kind, met in asked.items() if met]
        answer = " ".join(done + ["It was nothing again."] * rng.randint(1, 4))
        prompt = pointwise_messages([{"role": "user", "content": question}], answer)
        rows.append(
            {
                "data_source": "synthetic/helpfulness",
                "prompt": [dict(turn) for turn in prompt],
                "reward_model": {"style": "rule", "ground_truth": sum(asked.values())},
                "extra_info": {
                    "index": 100 + index,
                    "split": "validation",
                    "source": "synthetic",
                    "attribute": "helpfulness",
                    "facts": json.dumps(asked) if facts else "",
                },
            }
        )
    return rows


@pytest.fixture(scope="session")
def verl_rows() -> Callable[..., list[dict[str, Any]]]:
    return make_rows


@pytest.fixture
def write_data(tmp_path: Path) -> Callable[..., Path]:
    def write(rows: list[dict[str, Any]], name: str = "validation.parquet") -> Path:
        path = tmp_path / name
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path

    return write


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: random weights, byte-level vocabulary trained on the synthetic texts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny"
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([row["prompt"][0]["content"] for row in make_rows(100)], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<|pad|>", eos_token="<|end|>", additional_special_tokens=special[2:]
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=CONTEXT,
            initializer_range=0.3,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
