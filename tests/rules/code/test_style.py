"""Names and indentation."""

import pytest

NAME = "code_style"


def block(code: str) -> str:
    return f"```python\n{code}\n```\n"


@pytest.fixture
def share(scored):
    """Score evenly indented code: the share of names that are right."""

    def share(code):
        score = scored(NAME, block(code)).score
        return 2 * score - 1

    return share


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def good(a, bAd=1, *args, k, **kWargs): pass", 4 / 6),
        ("async def camelCase(): pass", 0),
        ("class Name:\n    LIMIT = 1\n    def run(self): pass", 1),
        ("class name: x = 1", 1),
        ("LIMIT = 1\nMixed = 2", 1 / 2),
        ("def f():\n    LIMIT = 1", 1 / 2),
        ("def f():\n    global LIMIT\n    LIMIT = 1", 1),
        ("def f():\n    class A:\n        LIMIT = 1", 1),
        ("(a, [bB, *c]), d.eE, f[gG] = x", 2 / 3),
        ("x: int = 1\nyY: int", 1 / 2),
        ("for i, jJ in x: pass", 1 / 2),
        ("with a as b, c as dD: pass", 1 / 2),
        ("try: pass\nexcept A as eE: pass\nexcept B as e: pass", 1 / 2),
        ("match x:\n    case [a, *bB] | {'k': a, **bB}: pass\n    case A() as c: pass", 2 / 3),
        ("__all__ = _ = __private = x1 = 1", 1),
        ("变量 = été = 1", 1),
        ("import numpy as NP\nfrom a import camelCase\nx = 1", 1),
        ("x = [Y for Y in z if (Z := Y)] or (lambda Q: Q)", 1),
        ("x = f(keyWord=1)\nx.camelCase = 'a textWith = 1'  # and = camelCase = 1", 1),
        ("x = 1\nif x:\n    bB = 1\nelif y:\n    cC = 1\nelse:\n    d = 1", 2 / 4),
        ("try:\n    a = 1\nexcept E:\n    bB = 1\nelse:\n    cC = 1\nfinally:\n    dD = 1", 1 / 4),
        ("a = 1\na = 2\na = 3\nbB = 1", 1 / 2),
    ],
)
def test_names_are_those_that_statements_bind_each_once(share, code, expected):
    assert share(code) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "even"),
    [
        ("x", True),
        ("if x:\n    y\nwhile x:\n    y", True),
        ("if x:\n    y\nwhile x:\n  y", False),
        ("if x:\n  if y:\n    z", True),
        ("if x:\n  if y:\n      z", False),
        ("if x:\n\ty\nwhile x:\n\ty", True),
        ("if x:\n\ty\nwhile x:\n    y", False),
        ("if x:\n    \ty", False),
        ("if x:\n    y\nelif z:\n    y\nelse:\n    y", True),
        ("if x:\n    y\nelse:\n  y", False),
        ("if x: y\nelse:\n  z\nif w:\n  y", True),
        ("f(1,\n      2, '''\n   text\n\t''')\nif x:\n    y", True),
        ("if (x and\n       y):\n    z\nelse:\n    w", True),
        ("try:\n    x\nexcept y:\n    z\nfinally:\n    w", True),
        ("try:\n    x\nexcept y:\n  z", False),
        ("@a\n@b\nclass C:\n    @d\n    def e(self):\n        return 1", True),
        ("match x:\n    case 1:\n        y\n    case (\n        2 | 3\n    ):\n        y", True),
        ("match x:\n    case 1:\n      y", False),
        ("if x:\n        # a comment\n    y\n  # another", True),
        ("if x:\n    a; b\n    c", True),
    ],
)
def test_indentation_is_the_same_everywhere_but_in_brackets_and_texts(scored, code, even):
    result = scored(NAME, "names = 1\n".join(["```python\n", f"{code}\n```\n"]))
    assert result.score == (1 if even else 0.5)
    assert ("indentation changes" in result.details[0].reason) is not even


def test_a_block_without_names_is_judged_by_its_indentation(scored):
    assert scored(NAME, block("print(1)")).score == 1
    assert scored(NAME, block("if x:\n    y()\nif x:\n  y()")).score == 0


def test_the_score_is_the_mean_of_the_blocks(scored):
    result = scored(NAME, block("x = 1") + block("xX = 1") + block("x = = 1") + "```java\nint xX;\n```")
    assert result.score == pytest.approx((1 + 0.5 + 0) / 3)
    assert result.extra_data == {"blocks": 3, "scores": [1, 0.5, 0], "other_languages": 1}
    assert result.details[0].reason == "block 2, not in snake_case: xX"


def test_code_that_is_not_there_or_does_not_parse_has_no_style(scored):
    assert scored(NAME, block("x = = 1")).details[0].reason == "block 1, line 1: invalid syntax"
    for answer in ("", "x = 1", block(""), "```java\nint x;\n```"):
        assert scored(NAME, answer).score == 0
    assert scored(NAME, "x = 1", unfenced="whole").score == 1


def test_ends_of_lines_do_not_matter(scored):
    code = block("def f(aA):\n    if x:\n        y = 1\n    else:\n        z = 2\n")
    expected = scored(NAME, code).score
    assert [scored(NAME, code.replace("\n", "\r\n")).score, expected] == [expected, 0.5 + 0.5 * 3 / 4]
