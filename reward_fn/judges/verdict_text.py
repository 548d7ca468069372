"""How judging prompts hold the texts that are judged, and how a verdict is read: the same for every kind of judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from reward_fn.base.final_answer import final_answer
from reward_fn.schema import Failure, FailureKind


class Message(TypedDict):
    """One turn of a conversation, in the chat format of every LLM server."""

    role: str
    content: str


def sections(conversation: Sequence[Message], **texts: str) -> list[str]:
    """Return a conversation and texts as the lines of sections, from the first fence to the last.

    The fences are longer than any run of `~` in the texts, so no text can close its own section, and texts are inserted
    as they are: nothing in them is ever substituted.

    Args:
        conversation: The turns before what is judged.
        texts: What is judged, by the names of the sections; `_` stands for a space.
    """
    turns = "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in conversation)
    longest = max(map(len, re.findall("~+", "\n".join([turns, *texts.values()]))), default=0)
    fence = "~" * max(3, longest + 1)
    lines = [f"{fence} conversation", turns]
    for name, text in texts.items():
        lines += [f"{fence} {name.replace('_', ' ')}", text]
    return [*lines, fence]


def asked(question: str, parts: Sequence[str], reply: str) -> list[Message]:
    """Return the one message that asks a judge.

    Args:
        question: What the judge is to say.
        parts: The lines of what is judged; see `sections`.
        reply: How the reply must look, which stands last.
    """
    return [{"role": "user", "content": "\n".join([question, *parts, reply])}]


def without_thoughts(text: str) -> str | Failure:
    """Return the final answer of a judge, or a failure where its thought is not closed."""
    answer = final_answer(text)
    return Failure(FailureKind.TRUNCATED, True, "the answer ends inside a thought") if answer is None else answer


def read_verdict(text: str, **contents: str) -> tuple[str, ...] | Failure:
    """Read a verdict, strictly: one reason that is not empty, then each tag once and in order, and nothing else.

    What a reasoning model thinks is not part of its answer. Any text is accepted and none raises.

    Args:
        text: The judge's answer.
        contents: For each tag of the verdict, such as `score`, a regular expression for what it holds.

    Returns:
        The reason, and what each tag holds; or a failure, which is never a verdict.
    """
    answer = without_thoughts(text)
    if isinstance(answer, Failure):
        return answer
    names = "|".join(["reason", *contents])
    tags = re.findall(rf"</?(?:{names})>", answer)
    if tags != [tag for name in ("reason", *contents) for tag in (f"<{name}>", f"</{name}>")]:
        form = " and then one ".join(f"<{name}>…</{name}>" for name in ("reason", *contents))
        found = " ".join(tags[:8]) or "no tags"
        return unparseable(f"expected one {form}, found {found}")
    reason = rf"<reason>([^<]*(?:<(?!/?(?:{names})>)[^<]*)*)</reason>"
    verdict = "".join(rf"\s*<{name}>\s*({content})\s*</{name}>" for name, content in contents.items())
    match = re.compile(reason + verdict, re.ASCII).fullmatch(answer)
    if match is None:
        return unparseable(f"text outside the tags, or no verdict in <{'>, <'.join(contents)}>")
    if not match[1].strip():
        return unparseable("the reason is empty")
    return match[1].strip(), *match.groups()[1:]


def unparseable(detail: str) -> Failure:
    """Return the failure of an answer that is no verdict."""
    return Failure(FailureKind.UNPARSEABLE, True, detail)
