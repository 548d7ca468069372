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
| `<\|begin_of_thought\|>` `<\|end_of_thought\|>` | Sky-T1, OpenThinker |
| `<\|channel>thought` `<channel\|>` | Gemma 4 |
| `Here is my thought process:` `Here is my response:` | Granite 3.2 |
| `<\|channel\|>analysis` … `<\|channel\|>final`; `analysis` … `assistantfinal` without special tokens | gpt-oss |

A thought is closed by the mark that belongs to the opening one. A closing mark without an opening one closes a thought
that the prompt opened. A mark between quotation marks or backticks is text about a mark. So is one inside a fenced
block: a program may print `</think>`. Not so while the thought is open, nor for a closing mark on a line of its own,
since a thought that the prompt opened may leave a block open. After several thoughts, the answer follows the last one.

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
from collections import deque
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_PARTS = ("whole", "after_thought", "last_box", "last_line", "last_number")
_TAG = "tag:"

_PAIRS = {
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "reasoning", "seed:think")},
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
    "<|channel|>analysis": "<|channel|>final",
}
_QUOTES = {"'": "'", '"': '"', "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}


def _beginning_with(first: str) -> re.Pattern[str]:
    opening, closing = (
        "|".join(re.escape(mark[len(first) :]) for mark in marks if mark.startswith(first))
        for marks in (_PAIRS, _PAIRS.values())
    )
    header = r"(?:(?<=<\|channel\|>final)(?:\s*<\|constrain\|>\w+)?(?:<\|message\|>)?)?"
    return re.compile(rf"{re.escape(first)}(?:(?P<open>{opening})|(?P<close>{closing}){header})")


_MARKS = {first: _beginning_with(first) for first in ("<", "[", "◁")}
"""By first character: that is looked for quickly, and most texts have none of it."""
_FENCE = re.compile(r"\n[ \t]*(`{3,}|~{3,})([^\n]*)")
"""With the end of the line before: the engine looks for one leading character quickly."""
_LINE_END = re.compile(r"[ \t\r]*(?:\n|\Z)")
_HARMONY = re.compile(r"analysis(?=[^\W_a-z]|[\"'(\[])")
"""How gpt-oss' first channel begins where special tokens were left out of the text."""
_HARMONY_FINAL = "assistantfinal"
_GRANITE, _GRANITE_FINAL = "Here is my thought process:", "Here is my response:"
_ANSWER_STARTS = ("<|START_RESPONSE|>", "<|begin_of_solution|>")
_ANSWER_ENDS = (
    "<|return|>", "<|end|>", "<|END_RESPONSE|>", "<|end_of_solution|>", "<|im_end|>", "<|eot_id|>", "<|eot|>",
    "<|endoftext|>", "<|end_of_text|>", "<end_of_turn>", "<turn|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "</s>",
)  # fmt: skip
"""Tokens that end a turn; a text has them where special tokens were not left out of it."""
_OPEN_TAIL = re.compile("(?:" + "|".join(map(re.escape, _PAIRS)) + r")(?:<\|message\|>)?\s*\Z")
_BOX = re.compile(r"(?<!\\)\\+(?:boxed|fbox)(?![A-Za-z])")
_BRACES = re.compile(rf"{_BOX.pattern}(?:\s*\{{|\s+(?P<bare>[^\s{{}}$\\]+))|\\.|[{{}}]", re.DOTALL)
"""Backslashes are counted from the first of a run: from each of them, the time would be quadratic."""
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


class Fence(NamedTuple):
    """A line that opens or closes a fenced block: where it starts and ends, its marks, and what follows them."""

    start: int
    end: int
    marks: str
    info: str


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
    _known(read)
    last = deque(_LAST_NUMBER.finditer(rest), maxlen=1)
    return last[0][0] if last else None


def opens_thought(prompt: str) -> bool:
    """Return whether a prompt, as the model reads it, ends with the mark that opens a thought.

    Args:
        prompt: The rendered prompt, or its last characters.
    """
    return _OPEN_TAIL.search(prompt[-64:]) is not None


def last_tag(text: str, name: str) -> str | None:
    """Return the content of the last pair of tags of a name, or None if there is no pair."""
    opening, closing = f"<{name}>", f"</{name}>"
    start = text.rfind(opening, 0, max(text.rfind(closing), 0))
    return None if start < 0 else text[start + len(opening) : text.find(closing, start)].strip()


def boxes(text: str) -> list[Box]:
    r"""Return every `\boxed{…}` and `\fbox{…}` of a text that is closed, in order; one inside another is part of it."""
    found: list[Box] = []
    opened: list[re.Match[str]] = []
    first = _BOX.search(text)
    for token in _BRACES.finditer(text, first.start()) if first else ():
        if bare := token["bare"]:  # MATH's own grader reads `\\boxed 5` too
            found.append(Box(bare, token.start(), token.end()))
        elif token[0].endswith("{") and token[0] != r"\{":
            opened.append(token)
        elif token[0] == "}" and opened:
            start = opened.pop()
            if start[0] != "{":
                while found and found[-1].start > start.start():
                    found.pop()
                found.append(Box(text[start.end() : token.start()], start.start(), token.end()))
    return found


def fences(text: str) -> Iterator[Fence]:
    """Yield the lines of a text that look like fences of Markdown, indented by any width."""
    for line in _FENCE.finditer(f"\n{text}"):
        marks, info = line.groups()
        if marks[0] == "~" or "`" not in info:
            yield Fence(line.start(), line.end() - 1, marks, info.strip())


def next_fence(opened: Fence | None, line: Fence) -> Fence | None:
    """Return the fence that is open after a line that looks like one, as in CommonMark, or None."""
    if opened is None:
        return line
    return None if line.marks.startswith(opened.marks) and not line.info else opened


def _after_thought(text: str, opened: bool) -> str | None:
    if text[:8] == "analysis":
        _, final, rest = text.rpartition(_HARMONY_FINAL)
        if final:
            return rest.strip()
        if _HARMONY.match(text):
            return None
    if text[:8] == "Here is " and text.startswith(_GRANITE):
        _, final, rest = text.partition(_GRANITE_FINAL)
        return rest.strip() if final else None
    marks = _marks(text) if "<" in text or "[" in text or "◁" in text else []
    if not marks:
        return None if opened else _bare(text)
    start, thinking, closing, shown = 0, opened, "", ""
    fence: Fence | None = None
    lines = fences(text) if "`" in text or "~" in text else iter(())
    line = next(lines, None)
    for mark in marks:
        while line is not None and line.start < mark.start():
            fence = fence if thinking else next_fence(fence, line)
            line = next(lines, None)
        if _quoted(text, mark):
            continue
        if mark["open"]:
            if fence:
                shown = _PAIRS[mark[0]]
            elif not thinking or (mark is marks[0] and not text[: mark.start()].strip()):
                thinking, closing = True, _PAIRS[mark[0]]
        elif thinking:
            if mark[0].startswith(closing):
                start, thinking = mark.end(), False
        elif fence and shown and mark[0].startswith(shown):
            shown = ""
        elif not fence or _alone(text, mark):
            start, fence = mark.end(), None
    return None if thinking else _bare(text[start:])


def _marks(text: str) -> list[re.Match[str]]:
    found = [mark for first, pattern in _MARKS.items() if first in text for mark in pattern.finditer(text)]
    found.sort(key=re.Match.start)
    return found


def _bare(answer: str) -> str:
    """Return an answer without the special tokens and the white space around it."""
    answer = answer.strip()
    if answer[:2] != "<|" and answer[-1:] != ">":
        return answer
    for token in _ANSWER_STARTS:
        answer = answer.removeprefix(token)
    for token in _ANSWER_ENDS:
        answer = answer.removesuffix(token)
    return answer.strip()


def _quoted(text: str, mark: re.Match[str]) -> bool:
    closing = _QUOTES.get(text[mark.start() - 1 : mark.start()])
    return closing is not None and text.startswith((closing, f"\\{closing}"), mark.end())


def _alone(text: str, mark: re.Match[str]) -> bool:
    """Return whether a mark is all that its line holds."""
    start = mark.start()
    while start and text[start - 1] in " \t":
        start -= 1
    return text[max(start - 1, 0) : start] in ("", "\n") and _LINE_END.match(text, mark.end()) is not None
