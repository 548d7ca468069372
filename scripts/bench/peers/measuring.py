"""What the sides of `rules.py` share: the texts, which every side reads from one file, and how a call is timed.

Only the standard library is imported: each side runs in an environment of its own.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

Texts = dict[str, list[tuple[str, Any]]]
"""Kind of text -> answers and their references."""

GROUP = 8
"""Answers to a prompt."""

_COMMON = [
    "the",
    "a",
    "of",
    "is",
    "and",
    "model",
    "value",
    "running",
    "answer",
    "therefore",
    "we",
    "number",
    "of",
    "to",
    "in",
    "that",
    "has",
    "so",
    "it",
] * 12
_CODE = '''def area_{0}(width, height):
    """Return the area."""
    if width < 0 or height < 0:
        raise ValueError("a side is negative")
    total = width * height
    for step in range({0}):
        total += step * width
    return total
'''


def make_texts(path: Path, count: int, others: Texts) -> None:
    """Write synthetic answers of 1 to 4 KB, eight of them to a reference as in a group of rollouts; always the same.

    Args:
        path: The file.
        count: How many answers of each kind.
        others: Kinds of texts that are written beside them.
    """
    source = random.Random(0)
    words = _COMMON + ["".join(source.choices("abcdefghij", k=5)) for _ in range(1500)]
    texts: Texts = {kind: [] for kind in ("prose", "reasoning", "tools", "math", "code", "patch")}
    for index in range(count):
        group, member = divmod(index, GROUP)
        if member == 0:
            right = _prose(source, words, source.randint(1000, 4000))
            patch = [f"+    value_{number} = {source.randrange(9)}" for number in range(40)]
        answer = _changed(source, right, words)
        texts["prose"].append((answer, right))
        texts["reasoning"].append((f"<think>{answer}</think>\n<answer>{group}</answer>", ""))
        call = json.dumps({"name": "search", "arguments": {"query": words[index]}})
        calls = f"<tool_call>{call}</tool_call>\n" * 2
        texts["tools"].append((f"<think>{answer}</think>\n{calls}", ""))
        found = f"\\frac{{{group + 3}}}{{{member % 3 + 2}}}"
        texts["math"].append((f"{answer} So it is $\\boxed{{{found}}}$.", f"$\\frac{{{group + 3}}}{{2}}$"))
        blocks = "".join(f"```python\n{_CODE.format(group % 50 + block)}```\n" for block in range(3))
        last = group % 50 + 2
        texts["code"].append((f"{answer[:1000]}\n{blocks}", f"assert area_{last}(2, 3) == {6 + last * (last - 1)}"))
        other = [line if source.random() < 0.8 else "-    pass" for line in patch]
        texts["patch"].append(("\n".join(other), "\n".join(patch)))
    path.write_text(json.dumps({**texts, **others}))


def _changed(source: random.Random, text: str, words: Sequence[str]) -> str:
    parts = text.split(" ")
    for _ in range(len(parts) // 4):
        parts[source.randrange(len(parts))] = source.choice(words)
    return " ".join(parts)


def _prose(source: random.Random, words: Sequence[str], length: int) -> str:
    parts: list[str] = []
    done = 0
    while done < length:
        number = source.choice(["1,234.5", "-17", "3.14", "50%", "2e5"])
        word = source.choice(words) if source.random() > 0.05 else number
        parts.append(word + source.choice(["", "", "", ",", ".\n"]))
        done += len(parts[-1]) + 1
    return " ".join(parts)


def read_texts() -> Texts:
    """Return the texts of the file that the command line names."""
    texts: Texts = json.loads(Path(sys.argv[1]).read_text())
    return texts


def per_item(
    call: Callable[[T], object],
    items: Sequence[T],
    clock: Callable[[], float] = time.process_time,
    rounds: int = 3,
) -> float:
    """Return the microseconds that a call takes for an item: the least of some rounds, after a few to warm up."""
    for item in items[:10]:
        call(item)
    taken = []
    for _ in range(rounds):
        began = clock()
        for item in items:
            call(item)
        taken.append((clock() - began) / len(items) * 1e6)
    return min(taken)


def tell(figures: object) -> None:
    """Print the figures as the last line, where `rules.py` reads them."""
    sys.stdout.write("\n" + json.dumps(figures) + "\n")
