"""Tokenizers by name, for rules that count or compare words.

One that cannot be loaded is a failure that says what to install: RM-Gallery splits at white space instead and goes on
saying `tiktoken`. Special tokens such as `<|endoftext|>` are plain text here: a policy must not fool a rule by writing
them.

What is loaded is kept, and so is a failure for a while: a batch does not wait for the network once a sample. With
`HF_HUB_OFFLINE=1` the network is not asked at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import string
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from reward_fn.base import UnreadableResponseError
from reward_fn.schema import Failure, FailureKind, RewardError

Tokenizer = Callable[[str], list[str]]

_BLOCKS = (range(0x100), range(0x2000, 0x2070), range(0x3000, 0x3040), range(0xFF00, 0xFF70))
"""Latin, general punctuation, Chinese and Japanese marks, and marks of full width."""
_MARKS = {chr(code) for block in _BLOCKS for code in block if unicodedata.category(chr(code))[0] == "P"}
_MARKS_TO_SPACES = str.maketrans(dict.fromkeys(_MARKS | set(string.punctuation), " "))
_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")

_MOST_FOR_JIEBA = 100_000
"""Characters; random ones take it 45 us each, and a word without an end quadratic time."""
_PIECE = 65_536
"""Characters that tiktoken gets at a time: it panics at a run of about a million spaces."""
_NETWORK_S = 10.0
"""Seconds that a server may be silent."""
_FAILURE_KEPT_S = 300.0
"""Seconds until something that could not be loaded is tried again."""

_Key = tuple[str, str, bool]
_lock = Lock()
_loaded: dict[_Key, Tokenizer] = {}
_failed: dict[_Key, tuple[float, Failure]] = {}


def tokenizer(kind: str = "simple", *, encoding_name: str = "cl100k_base", chinese_only: bool = False) -> Tokenizer:
    """Return a function from a text to its tokens, which any number of threads may call.

    Args:
        kind: `simple` (words in lower case, split at white space and at marks such as . and _), `jieba` (Chinese words,
            in lower case), `tiktoken`, or a Hugging Face tokenizer: a folder or file with its tokenizer.json, or a name
            on the hub.
        encoding_name: With tiktoken, which of its encodings.
        chinese_only: With jieba, whether everything but Chinese is left out.

    Raises:
        RewardError: It cannot be loaded.
    """
    if kind == "simple":
        return _simple
    key = (kind, encoding_name, chinese_only)
    return _loaded.get(key) or _load(key)


def forget() -> None:
    """Load all tokenizers anew when they are next asked for, those too that could not be loaded."""
    with _lock:
        _loaded.clear()
        _failed.clear()


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


def _load(key: _Key) -> Tokenizer:
    kind, encoding_name, chinese_only = key
    with _lock:
        if key in _loaded:
            return _loaded[key]
        failed_at, failure = _failed.get(key, (0.0, None))
        if failure and time.monotonic() - failed_at < _FAILURE_KEPT_S:
            raise RewardError(failure.kind, failure.detail, retriable=failure.retriable)
        try:
            if kind == "jieba":
                _loaded[key] = _jieba(chinese_only=chinese_only)
            elif kind == "tiktoken":
                _loaded[key] = _tiktoken(encoding_name)
            else:
                _loaded[key] = _hugging_face(kind)
        except RewardError as error:
            _failed[key] = time.monotonic(), error.failure
            raise
        return _loaded[key]


def _simple(text: str) -> list[str]:
    return text.lower().translate(_MARKS_TO_SPACES).split()


def _jieba(*, chinese_only: bool) -> Tokenizer:
    jieba = needed("jieba")
    jieba.setLogLevel("ERROR")  # it prints where its dictionary is
    jieba.initialize()

    def cut(text: str) -> list[str]:
        if chinese_only:
            text = " ".join(_CHINESE.findall(text))
        if len(text) > _MOST_FOR_JIEBA:
            detail = f"the text has {len(text):,} characters, and jieba gets {_MOST_FOR_JIEBA:,} at most"
            raise UnreadableResponseError(detail)
        return [word for word in jieba.lcut(text.lower()) if not word.isspace()]

    return cut


def _tiktoken(name: str) -> Tokenizer:
    tiktoken = needed("tiktoken")
    try:
        with _bounded_downloads():
            encoding = tiktoken.get_encoding(name)
    except OSError as error:
        detail = f"tiktoken cannot load {name}: {error}"
        raise RewardError(FailureKind.UNAVAILABLE, detail, retriable=True) from error
    except ValueError as error:
        known = ", ".join(tiktoken.list_encoding_names())
        detail = f"tiktoken cannot load {name!r} ({str(error).splitlines()[0]}); it has {known}"
        raise RewardError(FailureKind.UNAVAILABLE, detail) from error

    def cut(text: str) -> list[str]:
        tokens = [token for piece in _pieces(_encodable(text)) for token in encoding.encode_ordinary(piece)]
        return [piece.decode("utf-8", "backslashreplace") for piece in encoding.decode_tokens_bytes(tokens)]

    return cut


@contextmanager
def _bounded_downloads() -> Iterator[None]:
    """Give tiktoken's downloads a time limit, which it has no argument for, and refuse them offline."""
    load: Any = needed("tiktoken.load")
    read = load.read_file

    def read_file(place: str) -> Any:  # noqa: ANN401 - tiktoken's own
        if not place.startswith(("http://", "https://")):
            return read(place)
        try:
            if _offline():
                raise OSError("HF_HUB_OFFLINE is set")
            response = needed("requests").get(place, timeout=_NETWORK_S)
            response.raise_for_status()
        except OSError as error:  # requests' errors too
            file = hashlib.sha1(place.encode(), usedforsecurity=False).hexdigest()  # the name that it looks for
            hint = f"download {place} as {file} into a folder, and set TIKTOKEN_CACHE_DIR to the folder"
            raise OSError(f"{error}; {hint}") from error
        return response.content

    load.read_file = read_file
    try:
        yield
    finally:
        load.read_file = read


def _pieces(text: str) -> Iterator[str]:
    """Cut a long text before spaces, where a token starts anyway."""
    start = 0
    while len(text) - start > _PIECE:
        space = text.rfind(" ", start + 1, start + _PIECE)
        end = space if space > 0 else start + _PIECE
        yield text[start:end]
        start = end
    yield text[start:]


def _hugging_face(place: str) -> Tokenizer:
    library = needed("tokenizers")
    path = Path(place).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        file = _from_hub(place)
    try:
        loaded = library.Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing narrower
        detail = f"{file} is no tokenizer that the package tokenizers can read ({str(error).splitlines()[0]})"
        raise RewardError(FailureKind.UNAVAILABLE, detail) from error
    loaded.encode_special_tokens = True
    loaded.no_truncation()
    loaded.no_padding()

    def cut(text: str) -> list[str]:
        tokens: list[str] = loaded.encode(_encodable(text), add_special_tokens=False).tokens
        return tokens

    return cut


def _from_hub(name: str) -> Path:
    """Return the tokenizer.json of a model on the hub: the one that was fetched before, if there is one."""
    hint = "give a folder with a tokenizer.json, which AutoTokenizer.from_pretrained(…).save_pretrained(folder) writes"
    if name.startswith(("/", "~", ".")) or name.count("/") > 1 or Path(name).is_dir():
        raise RewardError(FailureKind.UNAVAILABLE, f"no tokenizer at {name!r}; {hint}")
    hub = needed("huggingface_hub")
    try:
        return Path(hub.hf_hub_download(name, "tokenizer.json", local_files_only=True))
    except Exception as error:  # of many kinds, old and new
        if _offline():
            detail = f"no tokenizer {name!r} in the cache of the hub, and HF_HUB_OFFLINE is set; {hint}"
            raise RewardError(FailureKind.UNAVAILABLE, detail) from error
    try:
        return Path(hub.hf_hub_download(name, "tokenizer.json", etag_timeout=_NETWORK_S))
    except Exception as error:
        detail = f"no tokenizer {name!r} from the hub ({str(error).splitlines()[0]}); {hint}"
        raise RewardError(FailureKind.UNAVAILABLE, detail, retriable=True) from error


def _offline() -> bool:
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in names)


def _encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which UTF-8 has no bytes for."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
