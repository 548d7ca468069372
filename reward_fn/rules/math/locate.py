r"""Where the answer of a mathematical response, or of a gold, stands.

A response claims one answer, in this order of places:

1. its last box, with boxes that belong to it (`\boxed{1} and \boxed{2}`); a later box replaces an earlier one;
2. the content of the last `<answer>…</answer>`;
3. what follows the last `####` at the start of a line (GSM8K);
4. what follows the last "answer is", "answer:", "A:" and their like in other languages;
5. all of it, if it is one short line;
6. the last formula or number.

Places 4 to 6 are running text: an answer that is negated ("definitely not 42") is none, and one that is hedged ("42 or
43") is a list.

Example:
    >>> claimed(r"So \boxed{10}. Wait, recheck: \boxed{12}").formula
    '12'
    >>> claimed("The answer is definitely not 42.").formula
    ''
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

from reward_fn.base.final_answer import Box, boxes, last_tag

_TAIL = 4_000
"""Characters at the end of a response in which an answer without a mark is looked for."""
_SHORT = 120
"""Characters of the longest response that may be an answer as a whole."""

_JOINS = re.compile(
    r"[\s$.]*(?:\\[\])]\s*)?(?:[,;]|(?:,\s*)?(?:and|or)(?![A-Za-z])|\\text\{\s*(?:,\s*)?(?:and|or)\s*\}|和|或|、|&)[\s$]*"
    r"(?:(?:\\[\[(])?\s*(?:[A-Za-z](?:_\w+)?\s*=)?\s*)?"
)
_VERB = r"(?:is|are|was|(?:would|should|must|could|may|might|can|will)\s+be|equals|becomes)(?![A-Za-z])"
_ABOUT = r"(?:\s+to\b[^.\n:]{0,80}?|,[^.\n:]{0,60}?,|\s+\([^)\n]{0,40}\)|\s+(?:choice|option))"
_LANGUAGES = "ответ|respuesta|r[ée]ponse|antwort|resposta|risposta|odpowiedź|cevap|jawaban|đáp\\s+án"
_MARK = re.compile(
    r"^\s*A\s*:"
    rf"|(?<![A-Za-z])(?:answer|ans|solution|result)s?(?![A-Za-z]){_ABOUT}?[*_\"'\s]*(?:{_VERB}|[:：=]|isn['’]t)"
    r"|^[#*\s]*(?:final\s+)?answers?[*_\s]*$"
    r"|(?:正确)?(?:答案|答え|答|선택|정답|답)(?:选项)?\s*(?:是|为|為|应为|应该是|应该为|は|는|은|[:：=])"
    rf"|(?:{_LANGUAGES})(?:\s+(?:finale?|correct[ae]|correcte))?\s*(?:est|es|ist|lautet|é|è|to|là|adalah|[:：=—-])"
    r"|故?(?:因此)?选(?:择|项)?[:：]?(?=\s*\(?[A-J])|正解\s*は",
    re.IGNORECASE | re.MULTILINE,
)
_NEGATION = re.compile(
    r"(?<![A-Za-z])(?:not|never|neither|cannot|(?:is|are|was|were|do|does|did|ca|wo|could|would|should)n['’]?t"
    r"|rule[sd]?\s+out|exclude[sd]?|excluding|rather\s+than|instead\s+of|other\s+than|except|anything\s+but|unlikely"
    r"|no\s+longer|far\s+from|more\s+than|less\s+than|greater\s+than|larger\s+than|smaller\s+than|fewer\s+than|at\s+least"
    r"|at\s+most|up\s+to|between|nicht|keine?|n['’]est\s+pas|no\s+es|não\s+é|non\s+è|не)(?![A-Za-z])"
    r"|≠|\\ne(?:q|g)?(?![A-Za-z])|不是|不等于|并非|而非",
    re.IGNORECASE,
)
"""What stands between the words "the answer is" and a number that is not the answer."""
_DOUBT = re.compile(
    r"(?<![A-Za-z])(?:not|never|(?:is|are|was|do|does|did|would|ca)n['’]?t|doubt|false|wrong|incorrect|nobody|no\s+one"
    r"|(?:might|could|may|would|will|can)\s+(?:think|say|guess|believe|assume|expect)|if|unless|suppose|suppos(?:e|ing)|assum(?:e|ing))"
    r"(?![A-Za-z])[^.,;:!?\n]{0,60}\Z",
    re.IGNORECASE,
)
"""How a clause begins in which "the answer is" says nothing."""
_NEGATED_AFTER = re.compile(
    r"[\s*_$)]*(?:(?:is|was|are|would\s+be|seems)\s+)?(?:(?:definitely|certainly|clearly|simply|just)\s+)?"
    r"(?:not|(?:is|was|are)n['’]?t|wrong|incorrect|false|impossible|ruled\s+out)(?![A-Za-z])"
    r"|[\s*_$)]*\?|[\s*_$)]*(?:ではない|ではありません|[이가]\s*아[니닙])"
    r"|[\s*_$)]*\s(?:to|through|–|-)\s+\d"
    r"|[\s*_$)]*[,.;]?\s*(?:but|and)\s+(?:that|this|it)(?:['’]s|\s+is)\s+(?:a\s+mistake|wrong|incorrect|not|false)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?<![A-Za-z])(?:is|was|be)(?:n['’]?t|\s+(?:definitely\s+|certainly\s+)?not)\s*[$*_(]*\Z", re.IGNORECASE
)
_CONTRAST = re.compile(
    r"[\s,;*_]*(?:but|rather|instead|sondern|mais|sino)(?:\s+(?:is|it\s+is|it['’]s|rather))?(?![A-Za-z])", re.IGNORECASE
)
_WITHDRAWN = (
    r"correction|scratch\s+that|sorry|oops|i\s+meant|my\s+mistake|i\s+made\s+a\s+mistake|in\s+truth|in\s+fact"
    r"|(?:that|this|it)(?:['’]s|\s+is|\s+was)\s+(?:wrong|incorrect|not\s+right|a\s+mistake)"
)
_WITHDRAWAL = re.compile(rf"(?<![A-Za-z])(?:{_WITHDRAWN})(?![A-Za-z])", re.IGNORECASE)
"""Words that take an answer back, also one in a box."""
_CORRECTION = re.compile(
    rf"(?<![A-Za-z])(?:{_WITHDRAWN}|wait|actually|hold\s+on|on\s+second\s+thought"
    r"|let\s+me\s+(?:re-?compute|re-?calculate|re-?consider|re-?check|correct|redo))(?![A-Za-z])|(?<=[.!?])\s+No[,.]\s",
    re.IGNORECASE,
)
"""Words after which an answer that was said in words is said anew."""
_CORRECTED = re.compile(
    r"\A(?:[\s,.:]*(?:actually|no|sorry|wait|hmm|i\s+meant|(?:it|the\s+answer|that)(?:['’]s|\s+(?:is|should\s+be)))"
    r"(?![A-Za-z]))*[\s,.:]*",
    re.IGNORECASE,
)
_ASKED = re.compile(r"(?:[^.!?？\n]|\.(?=\d))*[?？]")
_ASIDE = re.compile(r"\((?!\s*(?:or|and)(?![A-Za-z]))[^()\n]*[A-Za-z]{3,}[^()\n]*\)")
"""Words in brackets: an explanation, in which no answer stands."""
_SIGNS_OFF = re.compile(r"\\(?:blacksquare|square|qed|checkmark|Box)(?![A-Za-z])|[■□∎✓✔✅]")
_CONNECTOR = re.compile(
    r"[\s*_]*(?:[,;(/]|(?:,\s*)?\(?(?:either|or|and|and/or|maybe|perhaps|possibly|alternatively|else|oder|ou|o|u|или|и)(?![A-Za-z])|或者|或|和|、)"
    r"[\s*_]*(?:(?:or|and|maybe|perhaps|possibly|even|also|it\s+could\s+be|could\s+be|else)(?![A-Za-z])[\s*_]*)*"
    r"(?:[A-Za-z]\s*=\s*)?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<!\d)\.(?:\s|$)|\.(?=\s+[A-Z]|\s*$)|[\n。！？!?]|;\s")
_CLAUSE_START = re.compile(r"[.,;:!?\n。，；：](?!\d)")
_ENVIRONMENT = re.compile(
    r"\$\$(?P<display>[^$]+)\$\$|(?<![\\$])\$(?P<inline>(?=[^\s$])[^$\n]*?(?<=[^\s\\$]))\$(?!\d)|\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]"
    r"|\\begin\{(?P<name>align\*?|equation\*?|gather\*?|aligned)\}(?P<aligned>.+?)\\end\{(?P=name)\}",
    re.DOTALL,
)
_CURRENCY = r"(?:\\?[$€£¥₹]\s?)?"
_DIGITS = r"(?:\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][-+]?\d+(?![\w.]))?|\.\d+)"
_NUMBER = rf"{_CURRENCY}{_DIGITS}(?:\s{_DIGITS}\s?/\s?{_DIGITS})?"
_VULGAR = "[½⅓⅔¼¾⅕⅛]"
_ROOT = r"√\s?(?:\d+(?:\.\d+)?|[a-z]|\([^()\n]{1,40}\))"
_NAME = r"(?:pi|sqrt|cbrt|sin|cos|tan|log|ln|exp|theta|alpha|beta|infinity|inf)(?![A-Za-z])"
_GROUP = r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*\}"
_LATEX = rf"\\[A-Za-z]+(?:\[[^\]\n]{{0,20}}\])?(?:{_GROUP})*"
_BRACKETED = r"(?:[(\[{](?!\s*(?:or|and)(?![A-Za-z]))(?:(?![A-Za-z]{3})[^()\[\]{}\n]){1,80}[)\]}])"
_VARIABLE = r"(?<![A-Za-z'’])[A-Za-z](?:_\w+)?(?![A-Za-z'’])"
_POWER = rf"\^[-+]?(?:\w|\([^()\n]{{1,30}}\)|{_GROUP})"
_SUFFIX = rf"(?:[π²³⁴⁵⁶⁷⁸⁹⁰¹°√%!]|\\%|{_POWER}|\s?pi(?![A-Za-z])|[A-Za-z](?![A-Za-z]))*"
_ATOM = (
    rf"(?:{_NUMBER}|{_VULGAR}|{_ROOT}|π|∞|{_NAME}|{_LATEX}|{_BRACKETED}|{_VARIABLE})"
    rf"(?:{_LATEX}|{_BRACKETED}|{_NAME}|√\d+|{_VULGAR})*{_SUFFIX}"
)
_COMMANDS = r"\\(?:times|cdot|div|pm|le|ge|leq|geq|cup|in)(?![A-Za-z])"
_OPERATOR = rf"(?:\s*(?:\*\*|[-+−*/^=×÷·<>≤≥≠±:∪∈]|{_COMMANDS})\s*)"
_FORMULA = re.compile(rf"(?<![A-Za-z0-9_.^\\])(?:[-+−±]\s?)?{_ATOM}(?:{_OPERATOR}(?:[-+−±]\s?)?{_ATOM})*")
_HAS_VALUE = re.compile(r"\d|π|∞|√|[½⅓⅔¼¾⅕⅛]|\\[A-Za-z]|(?<![A-Za-z])(?:pi|sqrt|infinity|inf)(?![A-Za-z])|=")
_DECORATION = r"[\s*_\"'$:：.,=>({\[-]"
_LETTER = r"(?:\\text(?:bf)?\{\s*)?\(?\s*([A-J])\s*\)?\}?"
_MORE_LETTERS = r"((?:\s*(?:[,/]|(?:,\s*)?(?:or|and)(?![A-Za-z]))+\s*(?i:option|choice)?\s*\(?[A-J]\)?(?![A-Za-z]))*)"
_LETTERS = re.compile(
    rf"{_DECORATION}*(?i:the\s+)?(?i:correct\s+)?(?i:option|choice|answer|letter)?s?{_DECORATION}*(?i:either\s+)?"
    rf"{_LETTER}{_MORE_LETTERS}(?=[\s*_\"'$.,:;)\]}}]|$|[^\x00-\x7f])"
)
"""Letters of choices at the start of a text."""
_NAMED_LETTERS = re.compile(
    rf"(?i:(?<![A-Za-z])(?:option|choice|alternative|answer|ans)s?){_DECORATION}{{0,8}}"
    rf"(?i:(?:is|are|option|choice)(?![A-Za-z]))?{_DECORATION}{{0,8}}([A-J]){_MORE_LETTERS}"
    r"(?=[\s*_\"'$.,:;)\]}]|\Z)(?!\s[a-z])"
    r"|(?<![A-Za-z'\\])\(?([A-J])\)?\s+(?:is|must\s+be)\s+(?:the\s+)?(?:correct|right|true|answer)"
    r"|(?i:(?<![A-Za-z])(?:thus|hence|so|therefore))[,\s*_]{1,4}\(?([A-J])\)?[\s.*_]*\Z"
)
"""Letters of choices that a text names, anywhere in it."""
_LONE_LETTER = re.compile(r"^[\s*_#(\[]*([A-J])[\s*_)\].:]*$")
_LETTER_LINE = re.compile(r"^[\s*_#]*\(?([A-J])\)?\s*[).:]\s")
_WRONG = re.compile(r"(?<![A-Za-z])(?:wrong|incorrect|false\s+that)(?![A-Za-z])", re.IGNORECASE)
_SPEECH = re.compile(
    r"^[\s*_\"']*(?!(?:sqrt|cbrt|pi|sin|cos|tan|log|ln|exp|theta|alpha|beta|infinity|inf|and|or)(?![A-Za-z]))[A-Za-z]{2,}(?!\s*=)"
    r"|[\u0400-\u04ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Where a line with digits is a sentence: it begins with a word, or has letters of other scripts."""
_HASHES = re.compile(r"^\s*####\s*(.+?)\s*$", re.MULTILINE)
_OPTION = re.compile(
    r"\s*(?:\$?\\(?:text|textbf|mathrm|mathbf)\{\s*\(([A-J])\)\s*\}|\(?([A-J])(?:\)|\.(?!\d)))[\s\\~:.,]*(?![\s\\~:.,])(.+?)\$?\s*",
    re.DOTALL,
)
"""A gold that is a choice with its text, such as `\\textbf{(B)}\\ 25`; both are right."""
_LAST_LINE_A = re.compile(r"(?:^|\n)\s*A\s*:\s*([^\n]+?)\s*\Z")


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer that a response claims.

    Attributes:
        formula: A formula or number, or several with commas between; empty if there is none.
        letter: Letters of choices, where the answer may be one; with commas between if there are several.
        sentence: The words in which it is claimed, for golds that are text.
    """

    formula: str = ""
    letter: str = ""
    sentence: str = ""

    def __bool__(self) -> bool:
        """Return whether anything is claimed."""
        return bool(self.formula or self.letter or self.sentence)


_NOTHING = Claim()


def claimed(response: str, *, marked: bool = False) -> Claim:
    """Return the answer that a response claims.

    Args:
        response: The response, without its thought.
        marked: Whether it is the answer itself, such as the content of a box.
    """
    text = response.strip()
    if marked:
        return _whole(text)
    if "\\" in text and (found := boxes(text)):
        return _in_boxes(text, found)
    if (content := last_tag(text, "answer")) is not None:
        return claimed(content)
    if "####" in text and (hashes := _HASHES.findall(text)):
        return _whole(hashes[-1])
    if mark := _last(_MARK, text):
        return _after_mark(text, mark)
    if len(text) <= _SHORT and "\n" not in text and _is_answer(text):
        return _whole(text)
    return _at_end(text)


@lru_cache(maxsize=1024)
def golds(reference: str) -> tuple[str, ...]:
    r"""Return the answers that a gold allows: one, or those of a JSON list of texts.

    A gold may be worked: then its box, or what follows `####` or a last line's `A:`, counts.

    Args:
        reference: The gold as the data set stores it.
    """
    text = reference.strip()
    if text.startswith("[") and text.endswith("]") and '"' in text:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return tuple(answer for one in found for answer in golds(one))
    if "\\" in text and (inside := boxes(text)):
        return (_joined(text, inside),)
    if hashes := _HASHES.findall(text):
        return (hashes[-1],)
    if option := _OPTION.fullmatch(text):
        return (option[1] or option[2], option[3], text)
    if "\n" in text and (last := _LAST_LINE_A.search(text)):
        return (last[1],)
    return (text,)


def _in_boxes(text: str, found: list[Box]) -> Claim:
    """Return what the last box claims, if it is neither negated nor taken back after it."""
    last = found[-1]
    if _DENIED.search(_clause_before(text, last.start)) or _NEGATED_AFTER.match(text, last.end):
        return _NOTHING
    after = text[last.end : last.end + _TAIL]
    if withdrawn := _WITHDRAWAL.search(after):
        return _at_end(after[withdrawn.end() :])
    return _whole(_joined(text, found))


def _joined(text: str, found: list[Box]) -> str:
    """Return the last box, with those before it that only a comma, an `and` or an `or` parts from it."""
    last = [found[-1]]
    for box in reversed(found[:-1]):
        if not _JOINS.fullmatch(text[box.end : last[0].start]):
            break
        last.insert(0, box)
    return ", ".join(dict.fromkeys(box.content.strip() for box in last))


def _whole(text: str) -> Claim:
    text = text.strip("*_` \n")
    letters = _LETTERS.match(text)
    if letters and _NEGATED_AFTER.match(text, letters.end()):
        return _NOTHING
    return Claim(text, _letters(letters) if letters else "", _first_words(text))


def _letters(match: re.Match[str]) -> str:
    return ",".join(dict.fromkeys([match[1], *re.findall("[A-J]", match[2])]))


def _is_answer(text: str) -> bool:
    """Return whether a line is an answer and no sentence: a formula first, or at most three words; not negated."""
    if _NEGATION.search(text) or _WRONG.search(text) or text.endswith(("?", "？")):
        return False
    words = re.findall(r"(?<![\\A-Za-z])[^\W\d_]{2,}", text)
    if len(words) > 3:
        return False
    if not re.search(r"\d", text):
        return True
    return _SPEECH.search(text) is None


def _after_mark(text: str, mark: re.Match[str]) -> Claim:
    rest = text[mark.end() : mark.end() + _TAIL].lstrip(" \t*_:：")
    line = rest.lstrip()
    if correction := _CORRECTION.search(line):
        corrected = _corrected(line[correction.end() :])
        if corrected.formula or corrected.letter:
            return corrected
    if mark[0].lower().endswith(("n't", "n’t")) or _DOUBT.search(_clause_before(text, mark.start())):
        return _NOTHING
    if _WRONG.search(text, max(0, mark.start() - 12), mark.start()):
        return _NOTHING
    sentence = line[: end.start()] if (end := _SENTENCE_END.search(line)) else line
    letters = _LETTERS.match(line)
    letter = "" if letters is None or (letters[1] in "AI" and _is_article(line, letters)) else _letters(letters)
    after_letter = letters.end() if letter and letters is not None else 0
    formula = _first(
        line, sentence_end=len(sentence), start=after_letter if _HAS_VALUE.search(sentence, after_letter) else 0
    )
    if formula is None:
        return _NOTHING
    letter = letter or _last_letter(text[mark.start() :][:_TAIL])
    words = _first_words(sentence)
    if _NEGATION.search(words):
        words = ""
    return Claim(formula, letter, words)


def _corrected(text: str) -> Claim:
    """Return what is claimed after a correction begins."""
    rest = _CORRECTED.sub("", text)
    if (letters := _LETTERS.match(rest)) and not _is_article(rest, letters):
        return Claim("", _letters(letters))
    return _at_end(text)


def _first_words(sentence: str) -> str:
    """Return a sentence up to its first comma or reason."""
    return re.split(r"[,，。]|\s(?:because|since|as|so|which|for)\s", sentence)[0].strip(" \t*_\"'`$.")


def _is_article(line: str, letters: re.Match[str]) -> bool:
    after = line[letters.end() : letters.end() + 2]
    return not letters[2] and re.match(r"\s[a-z]", after) is not None and "(" not in letters[0]


def _first(line: str, sentence_end: int, start: int = 0) -> str | None:
    """Return the first formula of a line, or the list that it begins; empty if there is none, None if it is negated."""
    found = [one for one in _formulas(line) if one[0] >= start]
    if not found:
        return ""
    if found[0][0] > sentence_end:
        return ""
    if _NEGATION.search(line[start : found[0][0]]) or _NEGATED_AFTER.match(line, found[0][1]):
        contrast = _CONTRAST.match(line, found[0][1])
        return _first(line, sentence_end, contrast.end()) if contrast else None
    chain = [found[0]]
    for one in found[1:]:
        if not _CONNECTOR.fullmatch(line[chain[-1][1] : one[0]]):
            break
        chain.append(one)
    return ", ".join(dict.fromkeys(content for _, _, content in chain))


def _at_end(text: str) -> Claim:
    """Return what the last formula or number of a text claims."""
    offset = max(0, len(text) - _TAIL)
    tail = text[offset:]
    last_line = next((line for line in reversed(tail.splitlines()) if line.strip()), "")
    letter = _last_letter(tail)
    tail = _ASIDE.sub(lambda aside: " " * len(aside[0]), _SIGNS_OFF.sub(" ", tail))
    found = _formulas(tail)
    while found and _ASKED.match(tail, found[-1][1]):
        found.pop()  # a question, such as the prompt's or "Shall I explain step 2?"
    if not found:
        return Claim("", letter, _first_words(last_line)) if _is_answer(_first_words(last_line)) or letter else _NOTHING
    end = found[-1][1]
    chain = [found[-1]]
    for one in reversed(found[:-1]):
        if not _CONNECTOR.fullmatch(tail[one[1] : chain[0][0]]):
            break
        chain.insert(0, one)
    if _NEGATION.search(_clause_before(tail, chain[0][0])) or _NEGATED_AFTER.match(tail, end):
        return Claim("", letter)
    return Claim(", ".join(dict.fromkeys(content for _, _, content in chain)), letter, _first_words(last_line))


def _last_letter(text: str) -> str:
    """Return the letters of the choice that a text names last; empty if there is none or it is negated."""
    last_line = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    options = {line[1] for line in map(_LETTER_LINE.match, text.splitlines()[-8:]) if line}
    if (lone := _LONE_LETTER.match(last_line) or _LETTER_LINE.match(last_line)) and options <= {lone[1]}:
        return lone[1]
    last = _last(_NAMED_LETTERS, text)
    if not last or _NEGATION.search(_clause_before(text, last.start())) or _NEGATED_AFTER.match(text, last.end()):
        return ""
    named, more, said, concluded = last.groups()
    return said or concluded or ",".join(dict.fromkeys([named, *re.findall("[A-J]", more)]))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def _clause_before(text: str, end: int) -> str:
    """Return what stands between a place in a text and the punctuation mark before it."""
    clause = text[max(0, end - 300) : end]
    breaks = [one.end() for one in _CLAUSE_START.finditer(clause)]
    return clause[breaks[-1] :] if breaks else clause


def _formulas(text: str) -> list[tuple[int, int, str]]:
    """Return the formulas of running text: where each starts and ends, and its content."""
    found: list[tuple[int, int, str]] = []
    position = 0
    for environment in _ENVIRONMENT.finditer(text):
        found += _plain(text, position, environment.start())
        content = next(part for name, part in environment.groupdict().items() if name != "name" and part is not None)
        if not _UNIT_ALONE.fullmatch(content):
            found.append((environment.start(), environment.end(), _last_row(content)))
        position = environment.end()
    return found + _plain(text, position, len(text))


def _last_row(content: str) -> str:
    rows = (
        [row for row in content.replace("&", " ").split(r"\\") if row.strip()]
        if "&" in content and "matrix" not in content
        else [content]
    )
    return (rows[-1] if rows else content).strip().rstrip(".,")


def _plain(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    found = []
    for match in _FORMULA.finditer(text, start, end):
        content = match[0].strip()
        if _HAS_VALUE.search(content):
            unit = _UNIT.match(text, match.end(), end)
            content = content + (unit[0] if unit else "")
            found.append((match.start(), match.end() + (len(unit[0]) if unit else 0), content))
    return found


_UNIT_ALONE = re.compile(
    r"\s*(?:\\(?:text|mathrm|rm)\s*)?\{?\s*(?:cm|mm|km|m|kg|g|ft|in|s|h|units?)\s*\}?\s*(?:\^\{?\d\}?)?\s*"
)
_UNIT = re.compile(
    r"\s?(?:percent|per\s+cent|degrees?|meters?|metres?|cm|mm|km|kg|grams?|feet|foot|ft|inch(?:es)?|miles?|hours?|minutes?|seconds?"
    r"|days?|weeks?|years?|dollars?|cents?|liters?|litres?|pounds?|(?:square|cubic)\s+[a-z]+)"
    r"(?:\s*(?:/|per)\s*[a-z]+)?(?:\^\{?\d\}?|[²³])?(?![A-Za-z])"
)
