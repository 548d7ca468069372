"""Fenced blocks."""

import pytest

from reward_fn.rules.fences import fenced


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a ```b``` c\n``\n", []),
        ("```\na\n```", [("", "a\n")]),
        ("text\n```Python title=x\na\n\nb\n```\ntext", [("python", "a\n\nb\n")]),
        ("~~~py\n```\na\n```\n~~~\n```c\nb\n```", [("py", "```\na\n```\n"), ("c", "b\n")]),
        ("````md\n```py\na\n```\n````", [("md", "```py\na\n```\n")]),
        ("```py\n```", [("py", "")]),
        ("```py\na", [("py", "a")]),
        ("```", [("", "")]),
        ("```py\r\na\r\n```\r\n", [("py", "a\r\n")]),
        (" 1. x\n    ```py\n    a\n    ```\n", [("py", "    a\n")]),
        ("```py\na\n```py\nb\n```", [("py", "a\n```py\nb\n")]),
    ],
)
def test_a_block_is_what_stands_between_two_fences_that_fit(text, expected):
    assert list(fenced(text)) == expected
