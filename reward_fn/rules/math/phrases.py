r"""Formulas, numbers and letters of choices in running text.

A phrase is as much of a sentence as can be one formula: `70 \sqrt{2}`, `x = 5`, `2 2/3`, `(1, 2)`, `$\frac12$`. What it
is worth is not decided here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ROW_NAMES = r"(?:align|aligned|split|gather|gathered|eqnarray|multline|equation)\*?"
_ENVIRONMENT = (
    r"\$\$[^$]+\$\$|(?<![\\$])\$(?![\s\d][^$\n]*\s\$)[^$\n]+?(?<!\\)\$(?!\d)|\\\((?:(?!\\\)).)+\\\)|\\\[(?:(?!\\\]).)+\\\]"
    rf"|\\begin\{{(?:{_ROW_NAMES}|[pbvBV]?matrix|cases|array)\}}(?:(?!\\end\{{).)+\\end\{{[a-zA-Z]+\*?\}}"
)
_CURRENCY = r"(?:\\?[$€£¥₹]\s?)?"
_DIGITS = r"(?:\d+(?:(?:,|\{,\}|,?\\!|\\[,;: ])\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][-+]?\d+(?![\w.]))?|\.\d+)"
_NUMBER = rf"{_CURRENCY}{_DIGITS}"
_NAME = r"(?:pi|sqrt|cbrt|sin|cos|tan|log|ln|exp|theta|alpha|beta|infinity|inf)(?![A-Za-z])"
_SIGNS = r"[½⅓⅔¼¾⅕⅛π∞√∛]"
_GROUP = r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*\}"
_LATEX = rf"\\(?!(?:text|mathrm)\{{\s*(?:or|and)|begin|end|boxed)[A-Za-z]+(?:\[[^\]\n]{{0,20}}\])?(?:\s?{_GROUP})*"
_BRACKETED = (
    r"[(\[{](?!\s*(?:(?:or|and)(?![A-Za-z])|[=≈]|\\approx))"
    rf"(?:\\[A-Za-z]+|\\.|{_GROUP}|(?![A-Za-z]{{3}})[^()\[\]{{}}\n\\]){{1,80}}[)\]}}]"
)
_VARIABLE = r"[A-Za-z](?:_(?:\w|\{\w+\}))?(?=\s*[=+*/^<>≤≥≠(]|\s-\s)(?!\s*\([^()]*[A-Za-z]{3})"
_VALUE = rf"{_ENVIRONMENT}|{_NUMBER}|{_SIGNS}|{_NAME}|{_LATEX}|{_BRACKETED}"
_SYMBOL = r"\*\*|[-+−*/^=×÷·<>≤≥≠±:∪∈²³⁴⁵⁶⁷⁸⁹⁰¹°%‰!'|_&]|\\[,;:! %{}|]"
_TOKEN = rf"{_VALUE}|{_SYMBOL}|[A-Za-z](?![A-Za-z'’])|{_GROUP}|,(?=\s*(?:[-+−]\s?)?(?:\d|\$|\\|[(\[]))"
_PHRASE = re.compile(
    rf"(?<![A-Za-z0-9_.^\\])(?:[-+−±∓<>≤≥]\s?|\\(?:pm|le|ge|leq|geq|lt|gt)\s?)?"
    rf"(?:{_VALUE}|{_VARIABLE})(?:[ \t]*(?:{_TOKEN}))*",
    re.DOTALL,
)
_HAS_VALUE = re.compile(r"\d|[½⅓⅔¼¾⅕⅛π∞√]|\\[A-Za-z]|(?<![A-Za-z])(?:pi|sqrt|infinity|inf)(?![A-Za-z])|=")
_LOOSE_END = re.compile(r"(?:\s*(?:[-+−*/=×÷·<>:,;(&|\[{_]|\\[,;:! ]|(?<=\s)[aAI]))+$")
_ROWS = re.compile(rf"\\begin\{{{_ROW_NAMES}\}}(?:\{{[^{{}}]*\}})?(.+?)\\end\{{", re.DOTALL)
_LONE_NAME = re.compile(r"[\s$\\()\[\]]*[A-Za-z][\s$\\()\[\]]*")

_UNIT_WORDS = (
    r"(?:percent|per\s+cent|pct|degrees?|meters?|metres?|cm|mm|km|kg|grams?|feet|foot|ft|inch(?:es)?|miles?|hours?|minutes?"
    r"|seconds?|days?|weeks?|years?|dollars?|cents?|liters?|litres?|pounds?|units?|(?:square|cubic)\s+[a-z]+)"
)
_UNIT = re.compile(rf"\s?{_UNIT_WORDS}(?:\s*(?:/|per)\s*[a-z]+)?(?:\^\{{?\d\}}?|[²³])?(?![A-Za-z])")
_UNIT_ALONE = re.compile(
    r"[\s$]*(?:\\(?:text|mathrm|rm)\s*)?\{?\s*(?:cm|mm|km|m|kg|g|ft|in|s|h|units?)\s*\}?\s*(?:\^\{?\d\}?)?[\s$]*"
)
_CHANGED = re.compile(
    r"\s*(?:hundred|thousand|million|billion|trillion|dozen|squared|cubed|factorial|halves|thirds|quarters|fourths|fifths"
    r"|sixths|eighths|tenths|over\s+\d|out\s+of|in\s+\d|divided|plus|minus|times|multiplied|to\s+the|to\s+\d"
    r"|and\s+a\s+\w+|or\s+(?:more|less|fewer|greater|higher|lower)|mod(?:ulo)?|through|[ap]\.?m\.?|if|unless|when|and\s+\d+/\d)(?![A-Za-z])[^.,;\n]*",
    re.IGNORECASE,
)
"""Words after a number that make another number, or no number, of it."""
_CHANGED_BEFORE = re.compile(
    r"(?<![A-Za-z])(?:minus|negative|(?:square\s+root|cube\s+root|cube|square|half|third|quarter|multiples?|double|triple"
    r"|logarithm|sine|cosine|factorial|reciprocal|power)\s+of|twice|thrice|divisible\s+by|log\s+base)\s+\Z",
    re.IGNORECASE,
)
"""Words before a number that make another number of it."""
_MORE_UNITS = re.compile(rf"\s+(?:and\s+)?\d+(?:\.\d+)?\s?{_UNIT_WORDS}(?![A-Za-z])")

_DECORATION = r"[\s*_\"'$:：.,=>({\[-]"
_LETTER = r"(?:\\text(?:bf)?\{\s*)?\(?\s*([A-J])\s*\)?\}?"
_MORE_LETTERS = r"((?:\s*(?:[,/]|(?:,\s*)?(?:or|and)(?![A-Za-z]))+\s*(?i:option|choice)?\s*\(?[A-J]\)?(?![A-Za-z]))*)"
LETTERS = re.compile(
    rf"{_DECORATION}{{0,8}}(?i:the\s+)?(?i:correct\s+)?(?i:option|choice|answer|letter|la|le|el|die)?s?{_DECORATION}{{0,8}}(?i:either\s+)?"
    rf"{_LETTER}{_MORE_LETTERS}(?=[\s*\"'$.,:;)\]}}]|_(?![\w{{])|$|[^\x00-\x7f])(?!'[A-Za-z])"
)
"""Letters of choices at the start of a text."""
NAMED_LETTERS = re.compile(
    rf"(?i:(?<![A-Za-z])(?:option|choice|alternative|answer|ans|choose|pick|select|go\s+with)s?){_DECORATION}{{0,8}}"
    rf"(?i:(?:is|are|option|choice)(?![A-Za-z]))?{_DECORATION}{{0,8}}([A-J]){_MORE_LETTERS}"
    r"(?=[\s*_\"'$.,:;)\]}]|\Z)(?!\s[a-z])"
    r"|(?<![A-Za-z'\\])\(?([A-J])\)?\s+(?:is|must\s+be)\s+(?:the\s+)?(?:correct|right|true|answer)"
    r"|(?i:(?<![A-Za-z])(?:thus|hence|so|therefore|(?:it|this)\s+is))[,\s*_]{1,4}\(?([A-J])\)?[\s.*_]*\Z"
)
"""Letters of choices that a text names, anywhere in it."""
LONE_LETTER = re.compile(r"^[\s*_#(\[]*([A-J])\1*[\s*_)\].:]*$")
"""A line that is a letter; some benchmarks ask for it five times."""
LETTER_LINE = re.compile(r"^[\s*_#]*\(?([A-J])\)?\s*[).:]\s")


class Phrase(NamedTuple):
    """A formula in a text: its content, where it starts, and where it ends with its unit."""

    content: str
    start: int
    end: int


def phrases(text: str) -> list[Phrase]:
    """Return the formulas and numbers of running text, in order.

    Names alone, such as `$n$`, count only where there is nothing else.
    """
    found: list[Phrase] = []
    names: list[Phrase] = []
    for match in _PHRASE.finditer(text):
        content = _LOOSE_END.sub("", match[0])
        end = match.start() + len(content)
        if content[-2:-1].isspace() and content[-1:] in "aAI" and text[end : end + 1].isspace():
            content = content[:-2].rstrip()
            end = match.start() + len(content)
        if _LONE_NAME.fullmatch(content):
            names.append(Phrase(content, match.start(), end))
        elif before := _CHANGED_BEFORE.search(text, max(0, match.start() - 40), match.start()):
            found.append(Phrase(f"{before[0]}{content}", before.start(), end))
        elif _HAS_VALUE.search(content) and not _UNIT_ALONE.fullmatch(content):
            found.append(_with_unit(text, last_row(content), match.start(), end))
    return found or names


def last_row(formula: str) -> str:
    r"""Return the last row of an `align` environment and its like; any other formula as it is."""
    rows = _ROWS.search(formula)
    if rows is None:
        return formula
    return next((row for row in reversed(rows[1].split(r"\\")) if row.strip(" &\n")), "").replace("&", " ")


def letters_of(match: re.Match[str]) -> str:
    """Return the letters of a match of `LETTERS`, with commas between."""
    return ",".join(dict.fromkeys([match[1], *re.findall("[A-J]", match[2])]))


def _with_unit(text: str, content: str, start: int, end: int) -> Phrase:
    unit = _UNIT.match(text, end)
    stop = unit.end() if unit else end
    changed = _CHANGED.match(text, stop) or _MORE_UNITS.match(text, stop)
    if changed:
        stop = changed.end()
    return Phrase(content + text[end:stop], start, stop)
