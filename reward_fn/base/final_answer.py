r"""The final answer of a response: what is left when the model's thought is cut off, or a marked part of that.

`final_answer` is the only implementation; rules, judges and the verl reward manager call it. `read` names the part:

| `read` | the final answer is |
| --- | --- |
| `whole` | the response as it is |
| `after_thought` | what follows the thought; the response as it is if it has no thought |
| `tag:NAME` | the content of the last `<NAME>…</NAME>` after the thought |
| `last_box` | the content of the last `\boxed{…}` or `\fbox{…}` after the thought |
| `last_line` | the last line after the thought that is not blank |
| `last_number` | the last number after the thought, as it is written |

A response whose thought is not closed has no final answer, nor has one without the tag, box, line or number.

Marks of thoughts (opening and closing), by the model families that write them:

| marks | families |
| --- | --- |
| `<think>` `</think>` | DeepSeek-R1, Qwen3, QwQ, GLM-4.5, MiniMax-M1, Phi-4-reasoning, Nemotron, Hunyuan |
| `<thinking>`, `<thought>`, `<reasoning>` and their closing tags | prompted formats, EXAONE Deep, TRL's examples |
| `[THINK]` `[/THINK]` | Magistral |
| `<seed:think>` `</seed:think>` | Seed-OSS |
| `◁think▷` `◁/think▷` | Kimi |
| `<\|START_THINKING\|>` `<\|END_THINKING\|>` | Command A Reasoning |
| `<\|channel\|>analysis` … `<\|channel\|>final`; `analysis` … `assistantfinal` without special tokens | gpt-oss |

A mark between quotation marks or backticks is text about a mark. So is one inside a fenced block, unless the thought is
open: a program may print `</think>`. A closing mark without an opening one closes a thought that the prompt opened.

Example:
    >>> final_answer("<think>Maybe Paris.</think>\nRome")
    'Rome'
    >>> final_answer("<think>It is 18. Let me check") is None
    True
    >>> final_answer("So <answer>Rome</answer>", "tag:answer")
    'Rome'
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_PARTS = ("whole", "after_thought", "last_box", "last_line", "last_number")
_TAG = "tag:"

_PAIRS = {
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "reasoning", "seed:think")},
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|channel|>analysis": "<|channel|>final",
}
_QUOTES = {"'": "'", '"': '"', "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}
_HINTS = ("think>", "thinking>", "thought>", "reasoning>", "THINK]", "think▷", "THINKING|>", "<|channel|>")
"""Every mark holds one of them; looking for them is much faster than a regular expression."""
_MARKS = re.compile(
    "(?P<open>" + "|".join(map(re.escape, _PAIRS)) + ")|(?P<close>" + "|".join(map(re.escape, _PAIRS.values())) + ")"
    r"|(?P<fence>^[ \t]*(?:`{3,}|~{3,})[^\n`]*$)",
    re.MULTILINE,
)
_HARMONY = re.compile(r"analysis(?=[A-Z0-9\"'(\[])")
"""How gpt-oss' first channel begins where special tokens were left out of the text."""
_HARMONY_FINAL = "assistantfinal"
_HARMONY_ENDS = ("<|return|>", "<|end|>")
_OPEN_TAIL = re.compile("(?:" + "|".join(map(re.escape, _PAIRS)) + r")\s*\Z")
_BRACES = re.compile(r"\\+(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_LAST_NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\w.])[-+\u2212]?\.\d+")


def _known(read: str) -> str:
    if read in _PARTS:
        return read
    name = read.removeprefix(_TAG)
    if read == name or not name or any(mark in name for mark in "<>/") or any(map(str.isspace, name)):
        raise ValueError(f"{read!r} is not a part of a response; write one of {', '.join(_PARTS)}, or tag:NAME")
    return read


Read = Annotated[str, AfterValidator(_known)]
"""Which part of a response is its final answer; see the table above."""


class Box(NamedTuple):
    r"""A `\boxed{…}` in a text: its content, where the command starts, and where the closing brace ends."""

    content: str
    start: int
    end: int


def final_answer(response: str, read: Read = "after_thought", *, thought_opened: bool = False) -> str | None:
    """Return the final answer of a response, or None if it has none.

    Args:
        response: The response.
        read: Which part of it is the answer.
        thought_opened: Whether the prompt already opened the thought: then a response without the closing mark is all
            thought.

    Returns:
        The answer, without white space around it unless `read` is `whole`. It may be empty.
    """
    if read == "whole":
        return response
    rest = _after_thought(response, thought_opened)
    if rest is None or read == "after_thought":
        return rest
    if read.startswith(_TAG):
        return last_tag(rest, read.removeprefix(_TAG))
    if read == "last_line":
        return next((line.strip() for line in reversed(rest.splitlines()) if line.strip()), None)
    if read == "last_box":
        found = boxes(rest)
        return found[-1].content.strip() if found else None
    number = None
    for number in _LAST_NUMBER.finditer(rest):
        pass
    return None if number is None else number[0]


def opens_thought(prompt: str) -> bool:
    """Return whether a prompt, as the model reads it, ends with the mark that opens a thought.

    Args:
        prompt: The rendered prompt, or its last characters.
    """
    return _OPEN_TAIL.search(prompt[-64:]) is not None


def last_tag(text: str, name: str) -> str | None:
    """Return the content of the last pair of tags of a name, or None if there is no pair."""
    end = text.rfind(f"</{name}>")
    start = text.rfind(f"<{name}>", 0, max(end, 0))
    return None if end < 0 or start < 0 else text[start + len(name) + 2 : end].strip()


def boxes(text: str) -> list[Box]:
    r"""Return every `\boxed{…}` and `\fbox{…}` of a text that is closed, in order; one inside another is part of it."""
    found: list[Box] = []
    opened: list[re.Match[str]] = []
    for token in _BRACES.finditer(text):
        if token[0].endswith("{") and token[0] != r"\{":
            opened.append(token)
        elif token[0] == "}" and opened:
            start = opened.pop()
            if start[0] != "{":
                while found and found[-1].start > start.start():
                    found.pop()
                found.append(Box(text[start.end() : token.start()], start.start(), token.end()))
    return found


def _after_thought(text: str, opened: bool) -> str | None:
    if text.startswith("analysis") and _HARMONY.match(text):
        _, final, rest = text.rpartition(_HARMONY_FINAL)
        return rest.strip() if final else None
    if not opened and not any(hint in text for hint in _HINTS):
        return text.strip()
    start, thinking, fence = 0, opened, ""
    for mark in _MARKS.finditer(text):
        if mark.lastgroup == "fence":
            if not thinking:
                fence = _next_fence(fence, mark[0].strip())
        elif not _quoted(text, mark):
            if mark.lastgroup == "open":
                thinking = thinking or not fence
            elif thinking or not fence or _alone(text, mark):
                start, thinking, fence = mark.end(), False, ""
    if thinking:
        return None
    rest = text[start:].removeprefix("<|message|>")
    for end in _HARMONY_ENDS:
        rest = rest.removesuffix(end)
    return rest.strip()


def _next_fence(opened: str, line: str) -> str:
    """Return the fence that is open after a line that looks like one, as in CommonMark; empty if none is."""
    marks = line[: len(line) - len(line.lstrip(line[0]))]
    if not opened:
        return marks
    return "" if marks.startswith(opened) and line == marks else opened


def _quoted(text: str, mark: re.Match[str]) -> bool:
    closing = _QUOTES.get(text[mark.start() - 1 : mark.start()])
    return closing is not None and text.startswith(closing, mark.end())


def _alone(text: str, mark: re.Match[str]) -> bool:
    """Return whether a mark is all that its line holds."""
    line_start, line_end = text.rfind("\n", 0, mark.start()) + 1, text.find("\n", mark.end())
    line = text[line_start : len(text) if line_end < 0 else line_end]
    return line.strip() == mark[0]
