"""Python in an answer: its blocks, and their syntax trees."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from typing import Literal

from pydantic import Field

from reward_fn.base import BaseRuleReward, UnreadableResponseError
from reward_fn.rules.fences import fenced
from reward_fn.rules.references import refuse_long
from reward_fn.schema import DataSample

LANGUAGES = frozenset(["", "python", "python3", "py", "py3"])
"""The languages of fenced blocks that are Python."""
_MOST_BLOCKS = 1_000
_FILE = "<code of an answer>"
_UNWARNED = ("ignore", None, Warning, re.compile(re.escape(_FILE)), 0)


class PythonReward(BaseRuleReward):
    """A rule about the Python blocks of an answer."""

    unfenced: Literal["lowest", "whole"] = Field(
        "lowest", description="an answer without Python blocks gets the lowest score, or is Python as a whole"
    )
    max_characters: int = Field(
        50_000, ge=1, le=100_000, description="characters of all Python blocks together that are read"
    )

    def _blocks(self, sample: DataSample) -> tuple[list[str], int]:
        """Return the Python of an answer, and how many blocks are of other languages.

        Raises:
            UnreadableResponseError: There is no answer, or it is too long.
        """
        text = self._indented_answer(sample)
        blocks = list(fenced(text))
        found = [code for language, code in blocks if language in LANGUAGES]
        others = len(blocks) - len(found)
        if not found and self.unfenced == "whole":
            found = [text]
        if len(found) > _MOST_BLOCKS:
            raise UnreadableResponseError(f"{len(found):,} Python blocks are more than {_MOST_BLOCKS:,}")
        refuse_long("".join(found), self.max_characters, "the Python in the answer")
        return [_plain(code) for code in found], others


def parsed(code: str) -> ast.Module | str:
    """Parse a text that may be hostile.

    The caller bounds its length: CPython 3.10 crashes on a chain of some 100,000 operators.

    Returns:
        The syntax tree, or what is wrong with the code. Code without a statement is wrong: an empty block would be
        perfect else.
    """
    # An escape such as '\d' is a warning, and an error under `python -W error`. `catch_warnings` is not for threads.
    if warnings.filters[:1] != [_UNWARNED]:
        warnings.filterwarnings("ignore", module=re.escape(_FILE))
    try:
        tree = ast.parse(code, _FILE)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"[:200]
    except ValueError as error:  # a half of a surrogate pair, or NUL
        return f"not a text that Python reads: {error}"[:200]
    except (RecursionError, MemoryError, OverflowError):
        return "nested too deeply"
    return tree if tree.body else "no statement"


def _plain(code: str) -> str:
    """Undo what depends on how a block stands in the answer: its indentation, and its ends of lines."""
    if "\r" in code:
        code = code.replace("\r\n", "\n").replace("\r", "\n")
    return textwrap.dedent(code) if code[:1] in (" ", "\t") else code
