r"""Where the answer of a mathematical response, or of a gold, stands.

A response claims one answer, in this order of places:

1. its last box, with boxes that belong to it (`\boxed{1} and \boxed{2}`); a later box replaces an earlier one;
2. the content of the last `<answer>…</answer>`;
3. what follows the last `####` at the start of a line (GSM8K), unless it is a heading;
4. what follows the last "answer is", "answer:", "A:" and their like in other languages;
5. all of it, if it is one short line that is no sentence;
6. the last formula or number that is not part of a question.

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
from dataclasses import dataclass, replace
from functools import lru_cache

from reward_fn.base.final_answer import Box, boxes, last_tag
from reward_fn.rules.math import wording
from reward_fn.rules.math.phrases import (
    LETTER_LINE,
    LETTERS,
    LONE_LETTER,
    NAMED_LETTERS,
    Phrase,
    letters_of,
    phrases,
)

_TAIL = 4_000
"""Characters at the end of a response in which an answer without a mark is looked for."""
_SHORT = 120
"""Characters of the longest response that may be an answer as a whole."""

_NOT_BUT = re.compile(r"not\s+\(?[A-J]\)?,?\s+but\s+(?:rather\s+)?\(?([A-J])(?![A-Za-z])")
_BECAUSE = re.compile(r",?\s(?:because|since)\s", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_SPACING = re.compile(r"\\(?:quad|qquad|,|;|:|!| )")
_JOINS = re.compile(
    r"[ \t$]*|[\s$.]*(?:\\[\])]\s*)?"
    r"(?:[,;/]|(?:,\s*)?(?:and|or)(?![A-Za-z])|\\text\{\s*(?:,\s*)?(?:and|or)\s*\}|和|或|、|&)"
    r"[\s$]*(?:(?:\\[\[(])?\s*(?:[A-Za-z](?:_\w+)?\s*=)?\s*)?"
)
_OR_AFTER = re.compile(r"[\s$]*(?:\\text\{)?\s*(?:or|maybe|perhaps|possibly|或)(?![A-Za-z])")
_HASHES = re.compile(r"^\s*####\s*(.+?)\s*$", re.MULTILINE)
_HEADING = re.compile(r"[A-Za-z]{2,}[^\d\n]*[A-Za-z]{2,}|^(?:answer|solution|step)", re.IGNORECASE)
_OPTION = re.compile(
    r"\s*(?:\$?\\(?:text|textbf|mathrm|mathbf)\{\s*\(([A-J])\)\s*\}|\(?([A-J])(?:\)|\.(?!\d)))"
    r"[\s\\~:.,]*(?![\s\\~:.,])(.+?)\$?\s*",
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
        percent: Whether a percent sign stands behind its box; MATH's own solutions mean the bare number then.
    """

    formula: str = ""
    letter: str = ""
    sentence: str = ""
    percent: bool = False

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
    text = _SPACES.sub(" ", text)
    if "<" in text or r"\left" in text:
        text = wording.MARKUP.sub("", wording.ANSWER_TAG.sub(r"<\1answer>", text)).strip()
    if marked:
        return _whole(text)
    if "\\" in text and (found := boxes(text)):
        return _in_boxes(text, found)
    if (content := last_tag(text, "answer")) is not None:
        return claimed(content)
    if "####" in text and (hashes := _HASHES.findall(text)) and not _HEADING.search(hashes[-1]):
        return _whole(hashes[-1])
    if mark := _last(wording.MARK, text):
        return _after_mark(text, mark)
    if len(text) <= _SHORT and "\n" not in text and _is_answer(text):
        letters = LETTERS.match(text)
        return _NOTHING if letters and wording.NEGATED_AFTER.match(text, letters.end()) else _whole(text.lstrip("> "))
    return _at_end(text)


@lru_cache(maxsize=1024)
def golds(reference: str) -> tuple[str, ...]:
    r"""Return the answers that a gold allows: one, or those of a JSON list of texts, or a choice's letter and text.

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
    found = [box for box in found if box.content.strip()] or found
    last = found[-1]
    if wording.DENIED.search(wording.clause_before(text, last.start)) or wording.NEGATED_AFTER.match(text, last.end):
        return _NOTHING
    after = text[last.end : last.end + _TAIL]
    if withdrawn := wording.WITHDRAWAL.search(after):
        return _at_end(after[withdrawn.end() :])
    content = _joined(text, found)
    if (
        (other := _OR_AFTER.match(after))
        and (more := phrases(after[other.end() : other.end() + 80]))
        and more[0].start < 8
    ):
        content = f"{content}, {more[0].content}"
    return replace(_whole(content), percent=wording.PERCENT_AFTER.match(after) is not None)


def _joined(text: str, found: list[Box]) -> str:
    """Return the last box, with those before it that only a space, a comma, an `and` or an `or` parts from it."""
    last = [found[-1]]
    for box in reversed(found[:-1]):
        if not _JOINS.fullmatch(_SPACING.sub(" ", text[box.end : last[0].start])):
            break
        last.insert(0, box)
    return ", ".join(dict.fromkeys(box.content.strip() for box in last))


def _whole(text: str) -> Claim:
    text = _BECAUSE.split(wording.SIGN_OFF.sub(" ", text), maxsplit=1)[0].strip("*_`# \n")
    letters = LETTERS.match(text)
    letter = _repeated_letter(text) or _last_letter(text)
    if letters and not _is_article(text, letters):
        letter = letters_of(letters)
    return Claim(text, letter, wording.first_words(text))


def _is_answer(text: str) -> bool:
    """Return whether a line is an answer and no sentence: a formula first, or at most three words; not negated."""
    if wording.NEGATION.search(text) or wording.WRONG.search(text) or wording.CORRECTION.search(text):
        return False
    if text.endswith(("?", "？")):
        return False
    words = re.findall(r"(?<![\\A-Za-z])[^\W\d_]{2,}", text)
    if len(words) > 3:
        return False
    if not re.search(r"\d", text):
        return True
    return wording.SPEECH.search(text) is None and " is " not in text


def _after_mark(text: str, mark: re.Match[str]) -> Claim:
    line = text[mark.end() : mark.end() + _TAIL].lstrip(" \t\n*_:：")
    if correction := wording.CORRECTION.search(line):
        corrected = _corrected(line[correction.end() :])
        if corrected.formula or corrected.letter or wording.WRONG.search(correction[0]):
            return corrected
    if mark[0].lower().endswith(("n't", "n’t")):
        line = f"not {line}"
    if wording.DOUBT.search(wording.clause_before(text, mark.start())):
        return _NOTHING
    if wording.WRONG.search(text, max(0, mark.start() - 12), mark.start()):
        return _NOTHING
    end = wording.SENTENCE_END.search(line)
    sentence = line[: end.start()] if end else line
    letters = LETTERS.match(line)
    letter = "" if letters is None or _is_article(line, letters) else letters_of(letters)
    if contrast := _NOT_BUT.match(line):
        letter = contrast[1]
    start = letters.end() if letter and letters is not None and phrases(sentence[letters.end() :]) else 0
    formula = _of_sentence(line, sentence, start)
    if formula is None:
        return _NOTHING
    letter = _repeated_letter(text) or letter or _last_letter(text[mark.start() :][:_TAIL])
    words = wording.first_words(sentence)
    return Claim(formula, letter, "" if wording.NEGATION.search(words) else words)


def _is_article(line: str, letters: re.Match[str]) -> bool:
    """Return whether the letter is a word: `A dog`, `I think`."""
    if letters[1] not in "AI" or letters[2] or "(" in letters[0]:
        return False
    return re.match(r"\s[a-z]", line[letters.end() : letters.end() + 2]) is not None


def _of_sentence(line: str, sentence: str, start: int = 0) -> str | None:
    """Return the formula that a sentence gives as the answer; empty if there is none, None if it is negated.

    It is the one that the sentence begins with, or, if it begins with words, the one after its last "is", "so" and the
    like: "The largest $n$ is 34".
    """
    found = [one for one in phrases(line) if start <= one.start < len(sentence)]
    if not found:
        return ""
    chosen = 0
    lead = wording.LEAD.match(line, start)
    led = lead.end() if lead else start
    if found[0].start > led or _is_changed(found[0], line):
        chosen = _concluded(sentence, found, default=0 if found[0].start <= led else len(found) - 1)
    first = found[chosen]
    before = line[start if chosen == 0 else found[chosen - 1].end : first.start]
    if wording.NEGATION.search(before) or wording.NEGATED_AFTER.match(line, first.end):
        contrast = wording.CONTRAST.match(line, first.end)
        return (_of_sentence(line, sentence, contrast.end()) or None) if contrast else None
    chain = [first]
    for one in [*found[chosen + 1 :], *_next_lines(line, len(sentence))]:
        if not wording.CONNECTOR.fullmatch(line[chain[-1].end : one.start]):
            break
        chain.append(one)
    other = wording.OR_BEFORE.search(before)
    return f"{other[1]}, {_listed(chain, line)}" if other else _listed(chain, line)


def _is_changed(phrase: Phrase, line: str) -> bool:
    return re.search(r"(?<![A-Za-z])(?:plus|minus|times|divided|and)(?![A-Za-z])", phrase.content) is not None or (
        wording.CONCLUSION.search(line, phrase.end, phrase.end + 40) is not None
        and re.match(r"\s+(?:divided|plus|minus|times)(?![A-Za-z])", line[phrase.end :]) is not None
    )


def _concluded(sentence: str, found: list[Phrase], default: int) -> int:
    """Return which phrase follows the last word such as `is` directly."""
    for index in range(len(found) - 1, -1, -1):
        for word in wording.CONCLUSION.finditer(sentence, found[index - 1].end if index else 0, found[index].start):
            lead = wording.LEAD.match(sentence, word.end())
            if (lead.end() if lead else word.end()) >= found[index].start:
                return index
    return default


def _next_lines(line: str, start: int) -> list[Phrase]:
    """Return the formulas that fill the lines after a sentence: a list of candidates."""
    found: list[Phrase] = []
    for row in re.finditer(r"\n[\s*•-]*([^\n]+)", line[: start + 400][start:]):
        inside = phrases(row[1])
        if len(inside) != 1 or len(inside[0].content) < len(row[1].strip(" *.,")):
            break
        found.append(Phrase(inside[0].content, start + row.start(1) + inside[0].start, start + row.end()))
    return found


def _listed(chain: list[Phrase], text: str) -> str:
    """Return the formulas of a list, and whatever stands behind an "or" after it."""
    other = wording.OR_ELSE.match(text, chain[-1].end)
    return ", ".join(dict.fromkeys([*(one.content for one in chain), *([other[1].strip()] if other else [])]))


def _corrected(text: str) -> Claim:
    """Return what is claimed after a correction begins."""
    rest = wording.CORRECTED.sub("", text)
    if (letters := LETTERS.match(rest)) and not _is_article(rest, letters):
        return Claim("", letters_of(letters))
    return _at_end(text)


def _at_end(text: str) -> Claim:
    """Return what the last formula or number of a text claims."""
    tail = text[max(0, len(text) - _TAIL) :]
    last_line = next((line for line in reversed(tail.splitlines()) if line.strip()), "")
    words = wording.first_words(last_line)
    letter = _repeated_letter(tail) or _last_letter(tail)
    tail = wording.ASIDE.sub(lambda aside: " " * len(aside[0]), wording.SIGN_OFF.sub(" ", tail))
    found = phrases(tail)
    while found and (
        wording.ASKED.match(tail, found[-1].end)
        or (len(found) > 1 and wording.NOT_THAT.search(tail, found[-2].end, found[-1].start))
    ):
        found.pop()  # a question, such as the prompt's, or what the answer is not
    if not found:
        return Claim("", letter, words) if _is_answer(words) or letter else _NOTHING
    chain = [found[-1]]
    for one in reversed(found[:-1]):
        if not wording.CONNECTOR.fullmatch(tail[one.end : chain[0].start]):
            break
        chain.insert(0, one)
    if wording.NEGATION.search(wording.clause_before(tail, chain[0].start)) or wording.NEGATED_AFTER.match(
        tail, chain[-1].end
    ):
        return Claim("", letter)
    return Claim(_listed(chain, tail), letter, words)


def _repeated_letter(text: str) -> str:
    """Return the letter that is all of the last line, as often as it stands there; empty if there is none."""
    last_line = text[text.rstrip().rfind("\n") + 1 :]
    lone = LONE_LETTER.match(last_line)
    return lone[1] if lone else ""


def _last_letter(text: str) -> str:
    """Return the letters of the choice that a text names last; empty if there is none or it is negated."""
    last_line = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    options = {line[1] for line in map(LETTER_LINE.match, text.splitlines()[-8:]) if line}
    if (lone := LETTER_LINE.match(last_line)) and options <= {lone[1]}:
        return lone[1]
    last = _last(NAMED_LETTERS, text)
    if (
        not last
        or wording.NEGATION.search(wording.clause_before(text, last.start()))
        or wording.NEGATED_AFTER.match(text, last.end())
    ):
        return ""
    named, more, said, concluded = last.groups()
    return said or concluded or ",".join(dict.fromkeys([named, *re.findall("[A-J]", more)]))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)
