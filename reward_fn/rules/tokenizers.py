"""Tokenizers by name, for rules that count or compare words.

One that cannot be loaded is a failure that says what to install: RM-Gallery splits at white space instead and goes on
saying `tiktoken`. Special tokens such as `<|endoftext|>` are plain text here: a policy must not fool a rule by writing
them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from reward_fn.schema import FailureKind, RewardError

Tokenizer = Callable[[str], list[str]]

_MARKS_TO_SPACES = str.maketrans(dict.fromkeys(string.punctuation, " "))
_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")


@lru_cache(maxsize=32)
def tokenizer(kind: str = "simple", *, chinese_only: bool = False) -> Tokenizer:
    """Return a function from a text to its tokens.

    Args:
        kind: `simple` (words in lower case, split at white space and ASCII punctuation), `jieba` (Chinese words, in
            lower case), `tiktoken` or `tiktoken:ENCODING` (`cl100k_base` by default), or a Hugging Face tokenizer: a
            folder or file with its tokenizer.json, or a name on the hub.
        chinese_only: With jieba, whether everything but Chinese is left out.

    Raises:
        RewardError: It cannot be loaded.
    """
    if kind == "simple":
        return _simple
    if kind == "jieba":
        return _jieba(chinese_only=chinese_only)
    if kind == "tiktoken" or kind.startswith("tiktoken:"):
        return _tiktoken(kind.partition(":")[2] or "cl100k_base")
    return _hugging_face(kind)


def _simple(text: str) -> list[str]:
    return text.lower().translate(_MARKS_TO_SPACES).split()


def needed(package: str) -> ModuleType:
    """Import a package that some rules need.

    Raises:
        RewardError: It is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        detail = f"the package {package} cannot be imported ({error}); install it with: pip install 'rm-train[rules]'"
        raise RewardError(FailureKind.UNAVAILABLE, detail) from error


def _jieba(*, chinese_only: bool) -> Tokenizer:
    jieba = needed("jieba")
    jieba.setLogLevel("ERROR")  # it prints where its dictionary is

    def cut(text: str) -> list[str]:
        if chinese_only:
            text = " ".join(_CHINESE.findall(text))
        return [word for word in jieba.lcut(text.lower()) if not word.isspace()]

    return cut


def _tiktoken(name: str) -> Tokenizer:
    tiktoken = needed("tiktoken")
    try:
        encoding = tiktoken.get_encoding(name)
    except ValueError as error:
        known = ", ".join(tiktoken.list_encoding_names())
        raise RewardError(FailureKind.UNAVAILABLE, f"tiktoken has no encoding {name!r}; it has {known}") from error
    except OSError as error:  # requests' errors too
        detail = f"tiktoken cannot fetch {name} ({error}); put its file into a folder and set TIKTOKEN_CACHE_DIR"
        raise RewardError(FailureKind.UNAVAILABLE, detail, retriable=True) from error

    def cut(text: str) -> list[str]:
        tokens = encoding.encode_ordinary(_encodable(text))
        return [piece.decode("utf-8", "backslashreplace") for piece in encoding.decode_tokens_bytes(tokens)]

    return cut


def _hugging_face(place: str) -> Tokenizer:
    library = needed("tokenizers")
    path = Path(place) / "tokenizer.json" if Path(place).is_dir() else Path(place)
    try:
        loaded = library.Tokenizer.from_file(str(path)) if path.is_file() else library.Tokenizer.from_pretrained(place)
    except Exception as error:
        detail = f"no tokenizer at {place!r} ({str(error).splitlines()[0]}); give a folder with a tokenizer.json"
        raise RewardError(FailureKind.UNAVAILABLE, detail) from error
    loaded.encode_special_tokens = True

    def cut(text: str) -> list[str]:
        tokens: list[str] = loaded.encode(_encodable(text), add_special_tokens=False).tokens
        return tokens

    return cut


def _encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which UTF-8 has no bytes for."""
    return text.encode("utf-8", "replace").decode("utf-8")
