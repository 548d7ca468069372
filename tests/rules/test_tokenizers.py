"""Tokenizers by name; one that cannot be loaded is a failure and never another one."""

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reward_fn.base import UnreadableResponseError
from reward_fn.rules.tokenizers import forget, needed, tokenizer
from reward_fn.schema import FailureKind, RewardError


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


def test_simple_words_are_in_lower_case_without_marks():
    assert tokenizer()("Hello, World! it's x_1 été 中文") == ["hello", "world", "it", "s", "x", "1", "été", "中文"]


def test_marks_of_other_scripts_part_words_too():
    assert tokenizer()("“yes”—no… «oui» 你好、世界。(ok)") == ["yes", "no", "oui", "你好", "世界", "ok"]


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
    assert tokenizer("tiktoken", encoding_name="cl100k_base")("a\ud800") == ["a", "?"]


@pytest.mark.parametrize("text", [" " * 2**20 + "x", "a" * 2**20, "ab  c " * 2**17, "中" * 2**17])
def test_tiktoken_reads_a_megabyte_without_a_panic_and_loses_nothing(tiktoken_file, text):
    began = time.process_time()
    assert len(tokenizer("tiktoken")(text)) == len(text.encode())  # its vocabulary is of bytes
    assert time.process_time() - began < 10


@pytest.fixture
def without_network(tmp_path, monkeypatch):
    """Have tiktoken no file, and the network refuse; return the places that were asked."""
    from tiktoken import registry

    asked = []

    def get(place, **arguments):
        asked.append((place, arguments))
        raise ConnectionError("refused")

    monkeypatch.setattr("requests.get", get)
    monkeypatch.setattr(registry, "ENCODINGS", {})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    return asked


def test_tiktoken_without_its_file_says_where_to_put_it(without_network):
    url = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    hint = f"refused; download {url} as {hashlib.sha1(url.encode()).hexdigest()} into a folder, and set TIKTOKEN"
    with pytest.raises(RewardError, match=hint) as caught:
        tokenizer("tiktoken")
    assert caught.value.failure.kind is FailureKind.UNAVAILABLE
    with pytest.raises(RewardError, match=r"tiktoken cannot load 'nonsense' .*; it has .*cl100k_base"):
        tokenizer("tiktoken", encoding_name="nonsense")


def test_a_download_that_failed_is_not_tried_for_every_text(without_network):
    for _ in range(3):
        with pytest.raises(RewardError, match="cannot load cl100k_base: refused"):
            tokenizer("tiktoken")
    ((_, arguments),) = without_network
    assert arguments["timeout"] <= 10
    forget()
    with pytest.raises(RewardError, match="cannot load cl100k_base: refused"):
        tokenizer("tiktoken")
    assert len(without_network) == 2


def test_offline_the_network_is_not_asked(without_network, monkeypatch):
    import huggingface_hub

    fetched = []

    def download(name, file, *, local_files_only=False, **arguments):
        fetched.append(local_files_only)
        raise FileNotFoundError(name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RewardError, match="HF_HUB_OFFLINE is set"):
        tokenizer("tiktoken")
    with pytest.raises(
        RewardError, match="no tokenizer 'org/model' in the cache of the hub, and HF_HUB_OFFLINE is set"
    ):
        tokenizer("org/model")
    assert not without_network and fetched == [True]


def test_a_tokenizer_of_the_hub_is_taken_from_its_cache_if_it_is_there(tmp_path, monkeypatch, words):
    import huggingface_hub

    words.save(str(tmp_path / "tokenizer.json"))
    fetched = []

    def download(name, file, *, local_files_only=False, **arguments):
        fetched.append((name, file, local_files_only))
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert tokenizer("org/model")("hello world") == ["hello", "world"]
    assert fetched == [("org/model", "tokenizer.json", True)]


def test_threads_load_a_tokenizer_once(tmp_path, monkeypatch, words):
    import tokenizers

    words.save(str(tmp_path / "tokenizer.json"))
    loads = []

    class Counted:
        @staticmethod
        def from_file(file):
            loads.append(file)
            time.sleep(0.05)
            return words

    monkeypatch.setattr(tokenizers, "Tokenizer", Counted)
    with ThreadPoolExecutor(8) as pool:
        cuts = list(pool.map(lambda _: tokenizer(str(tmp_path)), range(8)))
    assert len(loads) == 1 and len(set(cuts)) == 1


@pytest.fixture
def words():
    """A tokenizer of two words."""
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"hello": 0, "world": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return words


def test_a_hugging_face_tokenizer_is_read_from_its_folder(tmp_path, words):
    words.save(str(tmp_path / "tokenizer.json"))
    assert tokenizer(str(tmp_path))("hello big world") == ["hello", "?", "world"]
    assert tokenizer(str(tmp_path / "tokenizer.json"))("world\ud800") == ["world", "?"]


def test_a_hugging_face_tokenizer_neither_cuts_off_nor_pads_nor_knows_special_tokens(tmp_path, words):
    words.enable_truncation(2)
    words.enable_padding(length=9, pad_token="?")
    words.add_special_tokens(["<s>"])
    words.save(str(tmp_path / "tokenizer.json"))
    assert tokenizer(str(tmp_path))("hello world hello<s>") == ["hello", "world", "hello", "?", "?", "?"]


def test_a_tokenizer_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    for place in (str(tmp_path), str(tmp_path / "none"), "~/none", "./none"):
        with pytest.raises(RewardError, match=r"no tokenizer at .*; give a folder with a tokenizer\.json") as caught:
            tokenizer(place)
        assert caught.value.failure.kind is FailureKind.UNAVAILABLE
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RewardError, match=r"is no tokenizer that the package tokenizers can read"):
        tokenizer(str(tmp_path / "tokenizer.json"))


def test_a_text_that_jieba_takes_too_long_for_is_refused():
    message = "the text has 100,001 characters, and jieba gets 100,000 at most"
    with pytest.raises(UnreadableResponseError, match=message):
        tokenizer("jieba")("a" * 100_001)
    assert tokenizer("jieba", chinese_only=True)("a" * 100_001) == []


def test_a_missing_package_is_named_with_its_fix():
    with pytest.raises(RewardError, match=r"no_such_package .*pip install 'rm-train\[rules\]'") as caught:
        needed("no_such_package")
    assert caught.value.failure.kind is FailureKind.UNAVAILABLE
