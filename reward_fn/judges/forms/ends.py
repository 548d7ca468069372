"""How the forms of others mark a verdict at the end of a text: in `<answer>` or in a box.

Everything here takes time in proportion to the text, whatever stands in it.
"""

from __future__ import annotations

import re

from reward_fn.judges.verdict_text import unparseable, without_thoughts
from reward_fn.schema import Failure

_BOX = re.compile(r"\\boxed\{([^{}]*)\}")
_BOX_BEGINS = r"\boxed"


def last_answer(text: str) -> tuple[str, str] | Failure:
    """Return what stands before the last `<answer>…</answer>`, and in it; nothing may be opened after it."""
    said = without_thoughts(text)
    if isinstance(said, Failure):
        return said
    inside, closed, after = said.rpartition("</answer>")
    before, opened, content = inside.rpartition("<answer>")
    if not (closed and opened) or "<answer>" in after:
        return unparseable("expected the verdict in a last <answer>…</answer>")
    return before.strip(), content.strip()


def only_box(text: str, within: int | None = None) -> tuple[str, str] | Failure:
    r"""Return what stands before the only `\boxed{…}`, and in it.

    Args:
        text: The judge's answer.
        within: How many of the last characters the box must stand in; by default it may stand anywhere.
    """
    said = without_thoughts(text)
    if isinstance(said, Failure):
        return said
    tail = said if within is None else said[-within:]
    begun, box = tail.count(_BOX_BEGINS), _BOX.search(tail)
    if begun != 1 or box is None:
        return unparseable(f"expected one {_BOX_BEGINS}{{…}} with a verdict, found {begun}")
    return said[: len(said) - len(tail) + box.start()].strip(), box[1].strip()
