r"""The words around an answer: what marks it, negates it, doubts it, takes it back, or offers another one beside it."""

from __future__ import annotations

import re

_VERB = r"(?:is|are|was|(?:would|should|must|could|may|might|can|will)\s+be|equals|becomes)(?![A-Za-z])"
_ABOUT = r"(?:\s+to\b[^.\n:]{0,80}?|,[^.\n:]{0,60}?,|\s+\([^)\n]{0,40}\)|\s+(?:choice|option))"
_LANGUAGES = "ответ|respuesta|r[ée]ponse|antwort|resposta|resultado|risposta|odpowiedź|cevap|jawaban|đáp\\s+án|απάντηση"
MARK = re.compile(
    r"^\s*A\s*:"
    rf"|(?<![A-Za-z])(?:answer|ans|solution|result)s?(?![A-Za-z]){_ABOUT}?[*_\"'\s]*(?:{_VERB}|[:：=]|isn['’]t|(?=≠))"
    r"|^[#*\s]*(?:final\s+)?answers?[*_\s]*$"
    r"|(?:正确)?(?:答案|答え|答|선택|정답|답)(?:选项)?\s*(?:是|为|為|应为|应该是|应该为|は|는|은|[:：=])"
    rf"|(?:{_LANGUAGES})(?:\s+(?:finale?|correct[ae]|correcte))?\s*(?:est|es|ist|lautet|é|è|to|là|adalah|[:：=—-])"
    r"|(?<!不)故?(?:因此)?选(?:择|项)?[:：]?(?=\s*\(?[A-J])|正解\s*は|उत्तर\s*[:：]|الجواب\s*(?:هو|:)|الإجابة\s*(?:هي|:)|คำตอบคือ",
    re.IGNORECASE | re.MULTILINE,
)
"""What the answer follows."""
LEAD = re.compile(
    r"[\s*_\"'`:：,>{(\[|-]*(?:(?:approximately|about|roughly|exactly|simply|just|therefore|thus|equal\s+to|given\s+by|the\s+(?:number|value)"
    r"|indeed|clearly|either|only|option|choice|probably|likely|now|again|still|also|definitely|certainly)(?![A-Za-z])[\s*_:,]*)*"
    r"(?:<\w+>)?"
)
"""What may stand between the mark and the answer."""
CONCLUSION = re.compile(
    r"(?<![A-Za-z])(?:is|are|be|equals?|gives?|giving|yields?|yielding|get|so|thus|hence|i\.e\.|namely|makes?)(?![A-Za-z])[\s,*_:]*"
    r"|[:：]\s*(?!\d\d)",
    re.IGNORECASE,
)
"""What the answer follows within a sentence."""
NEGATION = re.compile(
    r"(?<![A-Za-z])(?:not|never|neither|cannot|(?:is|are|was|were|do|does|did|ca|wo|could|would|should)n['’]?t"
    r"|rule[sd]?\s+out|exclude[sd]?|excluding|rather\s+than|instead\s+of|other\s+than|except|anything\s+but|unlikely"
    r"|no\s+longer|far\s+from|more\s+than|less\s+than|greater\s+than|larger\s+than|smaller\s+than|fewer\s+than|at\s+least"
    r"|at\s+most|up\s+to|between|nicht|keine?|keinesfalls|keineswegs|nie|n['’]est\s+pas|no\s+es|não\s+é|non\s+è|не)(?![A-Za-z])"
    r"|≠|\\ne(?:q|g)?(?![A-Za-z])|不是|不等于|不选|并非|而非",
    re.IGNORECASE,
)
"""What stands before a number that is not the answer."""
DOUBT = re.compile(
    r"(?<![A-Za-z])(?:not|never|(?:is|are|was|do|does|did|would|ca)n['’]?t|doubt|false|wrong|incorrect|nobody|no\s+(?:one|way)"
    r"|(?:might|could|may|would|will|can)\s+(?:think|say|guess|believe|assume|expect)|unless|suppos(?:e|ing)"
    r"|assum(?:e|ing))(?![A-Za-z])[^.,;:!?\n]{0,60}\Z|(?<![A-Za-z])if\s+(?:the\s+)?(?:final\s+|correct\s+)?\Z",
    re.IGNORECASE,
)
"""How a clause begins in which "the answer is" says nothing."""
NEGATED_AFTER = re.compile(
    r"[\s*_$)]*(?:(?:is|was|are|would\s+be|seems)\s+)?(?:(?:definitely|certainly|clearly|simply|just)\s+)?"
    r"(?:not|(?:is|was|are)n['’]?t|wrong|incorrect|false|impossible|ruled\s+out)(?![A-Za-z])"
    r"|[\s*_$)]*\?|[\s*_$)]*(?:ではない|ではありません|[이가]\s*아[니닙])"
    r"|[\s*_$)]*\s(?:to|through|–|-)\s+\d"
    r"|[\s*_$)]*[,.;]?\s*(?:but|and)\s+(?:that|this|it)(?:['’]s|\s+is)\s+(?:a\s+mistake|wrong|incorrect|not|false)",
    re.IGNORECASE,
)
"""What stands after a number that is not the answer."""
NOT_THAT = re.compile(r"[,(;]?\s*(?:and\s+)?not\s+\$?\s*\Z", re.IGNORECASE)
"""How a contrast begins, as in "5, not 6"."""
DENIED = re.compile(
    r"(?<![A-Za-z])(?:is|was|be|it['’]s)(?:n['’]?t|\s+(?:definitely\s+|certainly\s+)?not)\s*[$*_(]*\Z", re.IGNORECASE
)
"""How a sentence ends before a box that is not the answer."""
WRONG = re.compile(r"(?<![A-Za-z])(?:wrong|incorrect|not\s+right|false\s+that)(?![A-Za-z])", re.IGNORECASE)
CONTRAST = re.compile(
    r"[\s,;.*_]*(?:but|rather|instead|it\s+is|it['’]s|sondern|mais|sino)(?:\s+(?:is|it\s+is|it['’]s|rather))?(?![A-Za-z])",
    re.IGNORECASE,
)
_WITHDRAWN = (
    r"correction|edit(?=:)|just\s+kidding|scratch\s+that|sorry|oops|i\s+meant|my\s+mistake|i\s+made\s+a\s+mistake|in\s+truth|in\s+fact"
    r"|(?:that|this|it)(?:['’]s|\s+is|\s+was)\s+(?:wrong|incorrect|not\s+right|a\s+mistake)"
)
_WITHDRAWN_CHINESE = "不对|更正|抱歉|应该是"
WITHDRAWAL = re.compile(rf"(?<![A-Za-z])(?:{_WITHDRAWN})(?![A-Za-z])|{_WITHDRAWN_CHINESE}", re.IGNORECASE)
"""Words that take an answer back, also one in a box."""
CORRECTION = re.compile(
    rf"(?<![A-Za-z])(?:{_WITHDRAWN}|wait|actually|hold\s+on|on\s+(?:second\s+thought|reflection)"
    r"|let\s+me\s+(?:re-?compute|re-?calculate|re-?consider|re-?check|correct|redo))(?![A-Za-z])|(?<=[.!?])\s+No[,.]\s"
    rf"|{_WITHDRAWN_CHINESE}",
    re.IGNORECASE,
)
"""Words after which an answer that was said in words is said again."""
CORRECTED = re.compile(
    r"\A(?:[\s,.:]*(?:actually|no|sorry|wait|hmm|i\s+meant|(?:it|the\s+answer|that)(?:['’]s|\s+(?:is|should\s+be)))"
    r"(?![A-Za-z]))*[\s,.:]*",
    re.IGNORECASE,
)
"""How a corrected answer begins."""
ASKED = re.compile(r"(?:[^.!?？\n]|\.(?=\d))*[?？]")
"""The rest of a question."""
ASIDE = re.compile(r"\((?!\s*(?:or|and)(?![A-Za-z]))(?:[^()\n\\$]|\$(?=\d))*[A-Za-z]{3,}(?:[^()\n\\$]|\$(?=\d))*\)")
"""Words in brackets: an explanation, in which no answer stands."""
SIGN_OFF = re.compile(r"\\(?:blacksquare|square|qed|checkmark|Box|therefore)(?![A-Za-z])|[■□∎✓✔✅∴]")
CONNECTOR = re.compile(
    r"[\s*_]*(?:[,;(/|]|(?:,\s*)?\(?(?:either|or|and|and/or|maybe|perhaps|possibly|alternatively|else|oder|ou|o|u|или|и)"
    r"(?![A-Za-z])|或者|或|和|、)"
    r"[\s*_]*(?:(?:or|and|maybe|perhaps|possibly|alternatively|even|also|it\s+could\s+be|could\s+be|else)(?![A-Za-z])[\s*_]*)*"
    r"(?:[A-Za-z]\s*=\s*)?|\s+|[\s,]+but\s+(?:it\s+)?(?:could|might|may)(?:\s+also)?\s+be\s+|\.\s+Or\s+",
    re.IGNORECASE,
)
"""What parts the elements of a list."""
OR_ELSE = re.compile(
    r"[\s$*_]*,?\s*\(?(?:or|oder|ou|或)\s+(?!so(?![A-Za-z])|simply|equivalently)([^.;\n)]{1,60})", re.IGNORECASE
)
"""Another answer behind an answer, whatever it is."""
OR_BEFORE = re.compile(
    r"(?:(?:either|is|be|[:：])\s+|\A)([^.;:：\n]{1,60}?)[\s$,]+(?:or|oder|或)[\s$(]*\Z", re.IGNORECASE
)
"""Another answer before an answer, whatever it is."""
SENTENCE_END = re.compile(r"(?<!\d)(?<!i\.e)(?<!e\.g)\.(?:\s|$)|(?<!i\.e)(?<!e\.g)\.(?=\s+[A-Z]|\s*$)|[\n。！？!?]")
CLAUSE_START = re.compile(r"[.,;:!?\n。，；：](?!\d)|(?<![A-Za-z])(?:and|so|thus|hence|therefore|then)(?![A-Za-z])")
REASON = re.compile(r"[,，。]|\s(?:because|since|as|so|which|for|in)\s")
"""Where the first words of a sentence end."""
SPEECH = re.compile(
    r"^[\s*_\"']*(?:I\s|(?!(?:sqrt|cbrt|pi|sin|cos|tan|log|ln|exp|theta|alpha|beta|infinity|inf|and|or)(?![A-Za-z]))[A-Za-z]{2,}"
    r"(?!\s*[=+*/^_(-]))|,\s*I\s|[\u0400-\u1dff\u2c00-\ud7af]"
)
"""Where a line with digits is a sentence: it begins with a word, or has letters of other scripts."""
MARKUP = re.compile(
    r"</?(?:b|i|u|em|strong|sub|sup|p|br|span|div|code)\s*/?>|\\(?:left|right)(?![A-Za-z])\s*\.?|</s>|<\|[a-z_]+\|>"
)
"""HTML, sizes of brackets, and tokens that end a turn."""
ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
PERCENT_AFTER = re.compile(r"[\s$]*(?:\\?%|(?:percent|pct)(?![A-Za-z]))")
"""A percent sign behind a box."""


def clause_before(text: str, end: int) -> str:
    """Return what stands between a place in a text and the clause before it."""
    clause = text[max(0, end - 300) : end]
    breaks = [one.end() for one in CLAUSE_START.finditer(clause)]
    return clause[breaks[-1] :] if breaks else clause


def first_words(sentence: str) -> str:
    """Return a sentence up to its first comma or reason, without Markdown."""
    return REASON.split(sentence)[0].strip(" \t*_\"'`$.")
