"""Tokenizers by name; one that cannot be loaded is a failure and never another one."""

import base64
import hashlib

import pytest

from reward_fn.rules.tokenizers import forget, needed, tokenizer
from reward_fn.schema import FailureKind, RewardError


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


def test_simple_words_are_in_lower_case_without_marks():
    assert tokenizer()("Hello, World! it's x_1 été 中文") == ["hello", "world", "it", "s", "x", "1", "été", "中文"]


def test_jieba_cuts_chinese_words_and_leaves_out_others_if_asked():
    assert tokenizer("jieba")("我爱 Python") == ["我", "爱", "python"]
    assert tokenizer("jieba", chinese_only=True)("我爱 Python") == ["我", "爱"]


@pytest.fixture
def tiktoken_file(tmp_path, monkeypatch):
    """Put a vocabulary of single bytes where tiktoken looks for the one of cl100k_base."""
    constructors = pytest.importorskip("tiktoken_ext.openai_public")
    lines = b"".join(base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256))
    url = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    (tmp_path / hashlib.sha1(url.encode()).hexdigest()).write_bytes(lines)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    from tiktoken import load, registry

    read = load.read_file_cached
    monkeypatch.setattr(load, "read_file_cached", lambda blobpath, expected_hash=None: read(blobpath, None))
    monkeypatch.setattr(registry, "ENCODINGS", {})
    assert constructors


def test_special_tokens_and_halves_of_characters_are_plain_text(tiktoken_file):
    assert "".join(tokenizer("tiktoken")("a<|endoftext|>")) == "a<|endoftext|>"
    assert tokenizer("tiktoken:cl100k_base")("a\ud800") == ["a", "?"]


def test_tiktoken_without_its_file_says_where_to_put_it(tmp_path, monkeypatch):
    from tiktoken import registry

    monkeypatch.setattr(registry, "ENCODINGS", {})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(RewardError, match=r"cannot fetch cl100k_base .* set TIKTOKEN_CACHE_DIR") as caught:
        tokenizer("tiktoken")
    assert caught.value.failure.kind is FailureKind.UNAVAILABLE
    with pytest.raises(RewardError, match=r"tiktoken has no encoding 'nonsense'; it has .*cl100k_base"):
        tokenizer("tiktoken:nonsense")


def test_a_hugging_face_tokenizer_is_read_from_its_folder(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"hello": 0, "world": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    assert tokenizer(str(tmp_path))("hello big world") == ["hello", "?", "world"]
    assert tokenizer(str(tmp_path / "tokenizer.json"))("world\ud800") == ["world", "?"]


def test_a_tokenizer_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(RewardError, match=r"no tokenizer at .*; give a folder with a tokenizer\.json"):
        tokenizer(str(tmp_path))


def test_a_missing_package_is_named_with_its_fix():
    with pytest.raises(RewardError, match=r"no_such_package .*pip install 'rm-train\[rules\]'") as caught:
        needed("no_such_package")
    assert caught.value.failure.kind is FailureKind.UNAVAILABLE
