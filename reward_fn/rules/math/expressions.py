r"""Mathematical answers in one normal form: LaTeX, ASCII notation, Unicode and text are rewritten to the same LaTeX.

`expression` reads one answer (the content of a box, a gold, an expression found in a response), never running text.
What is removed has no mathematical meaning: delimiters, spacing commands, sizes, fonts, thousands separators, units.

Example:
    >>> expression(r"12~\mathrm{km/h}").number
    Fraction(12, 1)
    >>> expression("2 2/3").number
    Fraction(8, 3)
    >>> expression("2*pi").text == expression(r"$2\pi$").text
    True
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_MOST_DIGITS = 1_000
"""Digits of the longest number, and the largest power of ten, that are computed exactly."""
_LONGEST = 5_000
"""Characters of the longest answer that is read."""
_DEEPEST = 50
"""Brackets inside of each other that are read."""
_BRACKETS = re.compile(r"[(\[{}\])]")

_SYMBOLS = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "—": "-", "×": r"\times ", "✕": r"\times ", "÷": "/", "∕": "/", "⁄": "/",
    "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "∗": "*", "≤": r"\le ", "⩽": r"\le ",
    "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ", "±": r"\pm ", "∓": r"\mp ",
    "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∉": r"\notin ", "∅": r"\emptyset ",
    "∖": r"\setminus ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "°": r"^\circ ", "º": r"^\circ ", "′": "'", "…": r"\ldots ", "⋯": r"\ldots ", "∠": r"\angle ", "△": r"\triangle ",
    "→": r"\to ", "⇒": r"\Rightarrow ", "⟨": r"\langle ", "⟩": r"\rangle ", "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3",
    "₄": "_4", "₅": "_5", "₆": "_6", "₇": "_7", "₈": "_8", "₉": "_9", "ₙ": "_n", "٫": ".", "٬": ",", "。": ".",
    "“": "", "”": "", "‘": "'", "’": "'", "（": "(", "）": ")", "，": ",", "；": ";", "：": ":", "％": "%", "＝": "=",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "φ": "phi", "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Σ": "Sigma",
    "Ω": "Omega",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ", "0123456789+-nx")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ]+")
_UNICODE = {ord(sign): latex for sign, latex in _SYMBOLS.items()} | {
    ord(sign): rf"\{name} " for sign, name in _GREEK.items()
}
_UNICODE_ROOT = re.compile(r"([√∛∜])\s*(\((?:[^()]|\([^()]*\))*\)|\{(?:[^{}]|\{[^{}]*\})*\}|\d+(?:\.\d+)?|[A-Za-zπ])")
_ROOTS = {"√": r"\sqrt", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]"}

_DELIMITERS = re.compile(r"\\\(|\\\)|\\\[|\\\]|(?<!\\)\$+")
_SPACING = re.compile(
    r"(?<!\\)\\(?:[,;:!> ]|quad(?![A-Za-z])|qquad(?![A-Za-z])|hspace\*?\{[^{}]*\}|enspace(?![A-Za-z]))|~|\u00a0"
)
_WRITTEN_THOUSANDS = re.compile(r"(?<=\d),\\!\s*(?=\d{3}(?!\d))")
_TAG = re.compile(r"\\(?:tag|label)\*?\s*\{[^{}]*\}")
_NEGATIVE_SPACE = re.compile(r"(?<!\\)\\!\s*")
_COSMETIC = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|mathstrut|phantom\{[^{}]*\})"
    r"(?![A-Za-z])|\\(?:boldsymbol|mathcal|mathsf)(?=\s*\{)"
)
_NULL_DELIMITER = re.compile(r"\\(?:left|right)\s*\.")
_RENAMED = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "geq": "ge", "geqslant": "ge", "leq": "le", "leqslant": "le",
    "neq": "ne", "lt": "<", "gt": ">", "dots": "ldots", "cdots": "ldots", "dotsc": "ldots", "dotsb": "ldots",
    "varnothing": "emptyset", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "vert": "|", "lvert": "|",
    "rvert": "|", "ast": "*", "div": "/", "varphi": "phi", "varepsilon": "epsilon", "thinspace": " ",
    "backslash": "setminus", "land": "wedge", "lor": "vee", "lg": "log_{10}",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_BRACED_COMMAND_NAMES = {"{": r"\{", "}": r"\}"}
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|texttt|textsf|mathrm|mathbf|mathit|mbox|operatorname\*?|hbox|rm|bf|it)"
    r"\s*\{([^{}]*)\}"
)
_SPACED_DIGITS = re.compile(r"\d(?: \d)*")
_COLORED = re.compile(r"\\(?:textcolor|color)\s*\{[^{}]*\}")
_FRAMED = re.compile(r"\\(?:underline|underbrace|fbox|boxed|colorbox\{[^{}]*\})\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_OLD_FONT = re.compile(r"\{?\\(?:rm|bf|it|tt)(?![A-Za-z])\s*")
_FUNCTIONS = (
    "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "lg",
    "exp", "max", "min", "gcd", "lcm", "det",
)  # fmt: skip
_NAMES = (
    "alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "sigma", "omega", "phi", "psi", "rho", "tau", "mu",
    "pi",
)  # fmt: skip
_ASCII_NAME = re.compile(rf"(?<![\\A-Za-z])({'|'.join(_FUNCTIONS + _NAMES)})(?![A-Za-z])")
_INFINITY = re.compile(r"(?<![\\A-Za-z])(?:infinity|inf|oo)(?![A-Za-z])", re.IGNORECASE)
_NOT_EQUAL = re.compile(r"(?<![\d)\]}])!=")
"""After a digit or a bracket it is a factorial that equals something."""
_CALL = re.compile(r"(?<![A-Za-z])\\?(sqrt|cbrt|abs|floor|ceil)\s*\(")
_SHORT_ROOT = re.compile(r"(?<![\\A-Za-z])sqrt\s*(\d+(?:\.\d+)?|[a-z])(?![A-Za-z])")
_CALLS = {
    "sqrt": (r"\sqrt{", "}"), "cbrt": (r"\sqrt[3]{", "}"), "abs": ("|", "|"),
    "floor": (r"\lfloor ", r"\rfloor "), "ceil": (r"\lceil ", r"\rceil "),
}  # fmt: skip
_CIRCLED = re.compile(r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?|\\degree(?![A-Za-z])")
_PRIME = re.compile(r"\^\s*(?:\{\s*((?:\\prime\s*)+)\}|(\\prime)(?![A-Za-z]))")
_MODULUS = re.compile(r"\(?\\p?b?mod\s*(?:\{(\w+)\}|(\w+))\)?")
_BARE_ARGUMENT = re.compile(r"\\(vec|hat|bar|overline|mathbf|mathbb|tilde)\s+([A-Za-z0-9])(?![A-Za-z0-9])")
_BARE_BINOMIAL = re.compile(r"\\binom\s*([A-Za-z0-9])\s*([A-Za-z0-9])(?![A-Za-z0-9])")
_WITHOUT = re.compile(r"(\\mathbb\s*\{?[A-Z]\}?)\s*-\s*(?=\\\{)")
_SUCH_THAT = re.compile(r"(?<=[a-z])\s*(?:\\mid|\\vert|\\colon)(?![A-Za-z])|(?<=\\\{[a-z])\s*:")
_CASES_COMMA = re.compile(r",?\s*&\s*,?\s*(?:if|for|when|where)?(?![A-Za-z])\s*")
_CHOOSE = re.compile(r"\{\s*(\w+)\s*\\choose\s*(\w+)\s*\}")
_NATURAL_LOG = re.compile(r"\\log\s*_\s*\{?\s*e\s*\}?(?![A-Za-z])")
_WIDE_THOUSANDS = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_DOTTED_CYCLE = re.compile(r"(?<![\d.])(\d{0,40})\.(\d{0,40}?)(\d)\3{2,}\s*\\ldots")
_IN_DEGREES = re.compile(
    r"\\(sin|cos|tan|cot|sec|csc)(?![A-Za-z])\s*(?:\{\s*\(?|\(\{?)?\s*(\d+(?:\.\d+)?)\s*degrees\s*(?:\)?\s*\}|\}?\))?"
)
"""Degrees matter inside of functions; elsewhere they are a unit."""
_PERCENT = re.compile(r"\s*(?:\\?%|\b(?:percent|per\s+cent|percentage|pct)\b)\s*\.?$", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:\{,\}|,)\d{3})+(?![\d,])")
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:(?<!\\)\\[,;:! ]|~|\u00a0|\u202f|\u2009)\d{3})+(?![\d,])")
_AND_FRACTION = re.compile(r"(?<![\d.])(\d+)\s+and\s+(?:a\s+half|(\d+)\s*/\s*(\d+))(?![\w.])")
_SPOKEN_SIGN = re.compile(r"\A(?:minus|negative)\s+(?=[\d$\\])")
_SPOKEN_TIMES = re.compile(r"(?<=\d)\s+[xX]\s+(?=\d)|(?<=\d)[xX](?=10\s*\^)")
_TO = re.compile(r"\A(\d+)\s+to\s+(\d+)\Z")
_FOR_ALL = re.compile(r"(=.*?)\s*,?\s*(?:for\s+(?:all|any|every)|where|\\forall)(?![A-Za-z]).*\Z", re.DOTALL)
_CONJUNCTION = re.compile(r"\s*[,;]?\s*(?<![\\A-Za-z])(?:and|or|und|oder|et|ou|和|或)(?![A-Za-z])\s*|[、；;]")
_CURRENCY = re.compile(r"\\\$|[$€£¥₹₩₽]|(?<![A-Za-z])(?:USD|EUR|GBP|RMB|Rs\.?)(?![A-Za-z])")
_MIXED = re.compile(r"(?<![\d.^_{/])(-?\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.])")
_SLASH = re.compile(r"(?<![\w.)}\]^])(-?\d+)\s*/\s*(\d+)(?![\w.(\[{^!])")
_FRAC_DIGITS = re.compile(r"\\frac\s*(?:\{([^{}]*)\}|(\w))\s*(?:\{([^{}]*)\}|(\w))")
_SQRT_DIGITS = re.compile(r"\\sqrt\s*([0-9A-Za-z])")
_SCRIPT_BRACES = re.compile(r"([\^_])\{([0-9A-Za-z])\}")
_REPEATING = re.compile(r"(?<![\d.])(\d{0,40})\.(\d{0,40})\\(?:overline|bar|dot)\s*\{?(\d+)\}?")
_SIGN = re.compile(r"^([-+])\s+")
_EMPTY_GROUP = re.compile(r"(?<![\w}\]])\{\}|\{\s*\}(?=\s*$)")

_INTEGER = r"\d+"
_DECIMAL = r"(?:\d+\.\d*|\.\d+|\d+)"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)(?:(?P<decimal>{_DECIMAL})(?:[eE](?P<exponent>[-+]?\d+)|(?:\\times|\\cdot|\*)10\^(?:\{{(?P<power>[-+]?\d+)\}}|(?P<digit>\d)))?"
    rf"|(?P<whole>{_INTEGER})?\\frac\{{(?P<minus>-?)(?P<top>{_INTEGER})\}}\{{(?P<bottom>{_INTEGER})\}}"
    rf"|(?P<over>{_DECIMAL})/(?P<under>{_DECIMAL})|(?:\\times|\\cdot)?10\^(?:\{{(?P<ten>[-+]?\d+)\}}|(?P<tendigit>\d)))"
)
_BASED = re.compile(r"(\(?[0-9A-Fa-f]+\)?)_(\{(?:\d+|[a-z]+)\}|\d+)")
_WORDY = re.compile(r"[^\W\d_]{2,}|[A-Za-z]")
_MATH_MARK = re.compile(r"[\\^_=<>+*/|{}\d\[\]()]")
_PROSE = re.compile(r"(?<![\\A-Za-z])(?!(?:sqrt|sin|cos|tan|log|exp|max|min|gcd|lcm|det|mod|and)(?![a-z]))[A-Za-z]{3,}")
_UPWARDS = re.compile(r"[<=]|\\(?:le|ne)(?![A-Za-z])")
_DOWNWARDS = re.compile(r"(>|\\ge(?![A-Za-z])\s?)")
_INEQUALITY = re.compile(r"[<>]|\\(?:le|ge)(?![A-Za-z])")
_JOINED = re.compile(r"(?<![A-Za-z])(and|or)(?![A-Za-z])", re.IGNORECASE)
_LETTER_IN_BRACKETS = re.compile(r"\A\(([A-Za-z])\)\Z")
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_SHORT_WORDS = frozenset(["yes", "no", "odd", "one", "two", "six", "ten", "all", "any", "not", "nor", "red", "tie"])

_UNITS = {
    "m": "m meter metre", "cm": "cm centimeter centimetre", "mm": "mm millimeter millimetre",
    "km": "km kilometer kilometre", "ft": "ft foot feet", "in": "in inch inches", "yd": "yd yard", "mi": "mi mile",
    "g": "g gram gramme", "kg": "kg kilogram", "mg": "mg milligram", "lb": "lb lbs pound", "oz": "oz ounce",
    "s": "s sec second", "min": "min minute", "h": "h hr hour", "day": "day", "week": "week", "month": "month",
    "year": "yr year", "L": "l L liter litre", "mL": "ml mL milliliter millilitre", "gal": "gal gallon",
    "°": "degree deg degrees", "rad": "rad radian", "dollar": "dollar USD", "cent": "cent", "euro": "euro EUR",
    "N": "N newton", "J": "J joule", "W": "W watt", "V": "V volt", "Hz": "Hz hertz", "K": "K kelvin", "Pa": "Pa pascal",
    "mi/h": "mph", "km/h": "km/h kmh kph", "m/s": "m/s", "unit": "unit units",
}  # fmt: skip
_MULTIPLIERS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_MULTIPLIED = re.compile(rf"(?<![\w.,])(\d+(?:\.\d+)?)\s+({'|'.join(_MULTIPLIERS)})(?![A-Za-z])", re.IGNORECASE)
_NOT_UNITS = re.compile(
    r"(?<![A-Za-z])(?:dozens?|squared|cubed|factorial|halves|half|thirds?|quarters?|fourths?|fifths?|sixths?|eighths?|tenths?"
    r"|at|least|most|less|more|than|is|are|was|not|wrong|incorrect|false|true|right|correct|or|and|to|of|if|but|then"
    r"|plus|minus|times|divided|mod|choose|pi|even|odd)(?![A-Za-z])",
    re.IGNORECASE,
)
"""Words after a number that change what it says."""
_CURRENCY_UNITS = (("\\$", "dollar"), ("€", "euro"), ("£", "pound sterling"), ("¥", "yen"), ("₹", "rupee"))
_NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]
    )
}  # fmt: skip
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_UNIT_WORD = r"(?:square|sq\.?|cubic|cu\.?)?\s*[A-Za-z]+\.?"
_TIME = re.compile(r"(\d{1,2}:\d\d)\s*([apAP])\.?\s?[mM]\.?")
_TRAILING_UNIT = re.compile(
    rf"^(?P<value>.*[\d)}}\]!]|.*\\(?:pi|infty)|[^A-Za-z]*[a-z])(?:\s+|(?<=[\d}}])\s*)"
    rf"(?P<unit>{_UNIT_WORD}(?:(?:\s*/\s*|\s+per\s+|\s+|\s*\\cdot\s*|\s*-\s*){_UNIT_WORD})*(?:\s*\^\s*\{{?[-\d]+\}}?)?)\s*$",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A mathematical answer in normal form.

    Attributes:
        text: The normal form, without spaces, without its unit and percent sign; equal texts are equal answers.
        latex: The same with the spaces that LaTeX needs, for a parser.
        number: Its value if it is a rational number; a percentage is divided by 100.
        decimal: Whether the number is written as a decimal, so that it may be rounded.
        percent: Whether it is written as a percentage.
        unit: The unit after it, in a canonical spelling if it is a known one; empty if there is none.
        joined: `and` or `or`, where relations are joined by it.
        words: The text in lower case, if it is no formula but text, such as a name or letters of choices.
    """

    text: str
    latex: str
    number: Fraction | None = None
    decimal: bool = False
    percent: bool = False
    unit: str = ""
    words: str = ""
    joined: str = ""

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.text)


@lru_cache(maxsize=4096)
def expression(source: str) -> Expression:
    """Return an answer in normal form.

    Args:
        source: One answer, such as the content of a box; not running text.
    """
    is_text = bool(_TEXT.fullmatch(source.strip()))
    latex, unit = _without_units(_rewritten(source))
    unit = unit or next((name for sign, name in _CURRENCY_UNITS if sign in source), "")
    percent = _PERCENT.search(latex)
    if percent:
        latex = latex[: percent.start()]
    latex = latex.strip(" =").rstrip(".,;:").strip()
    words = _words(latex, is_text)
    text = _LETTER_IN_BRACKETS.sub(r"\1", _tight(latex))
    if words in _NUMBER_WORDS:
        return expression(str(_NUMBER_WORDS[words]))
    if words:
        return Expression(text or words, latex, words=words)
    number, decimal = _number(text)
    if percent:
        number = None if number is None else number / 100
        text, latex = f"{text}\\%", rf"\frac{{{latex}}}{{100}}"
    joined = _JOINED.search(source) if _INEQUALITY.search(text) else None
    return Expression(
        text, latex, number, decimal, percent is not None, unit, joined=joined[1].lower() if joined else ""
    )


def too_complex(source: str) -> str | None:
    """Return why an answer is too long or nested too deeply to be read, or None."""
    if len(source) > _LONGEST:
        return f"a formula of {len(source):,} characters is longer than {_LONGEST:,}"
    depth = deepest = 0
    for bracket in _BRACKETS.findall(source):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    return f"a formula is nested more than {_DEEPEST} deep" if deepest > _DEEPEST else None


def _rewritten(source: str) -> str:
    text = " ".join(source.split())
    if not text.isascii():
        text = _from_unicode(text)
    text = text.replace("**", "^")
    if "\\" in text:
        text = text.replace("\\\\%", "%").replace("\\%", "%")
        text = _NEGATIVE_SPACE.sub("", _TAG.sub("", _WRITTEN_THOUSANDS.sub("", text)))
        text = _SPACED_THOUSANDS.sub(lambda match: re.sub(r"\D", "", match[0]), text)
        text = _NULL_DELIMITER.sub("", text)
        text = _DELIMITERS.sub(" ", text)
        text = _CURRENCY.sub("", text)
        text = _FRAMED.sub(r"\1", _COLORED.sub("", text))
        text = _TEXT.sub(_unwrapped, _TEXT.sub(_unwrapped, text))
        text = _OLD_FONT.sub("", text)
        text = _SPACING.sub(" ", _CIRCLED.sub(" degrees ", _COSMETIC.sub("", text)))
        text = _IN_DEGREES.sub(r"\\\1(\\frac{\2\\pi}{180})", text)
        text = _COMMAND.sub(_renamed, text)
        text = _PRIME.sub(_primes, text)
        text = _MODULUS.sub(lambda match: rf"\pmod{{{match[1] or match[2]}}}", text)
        text = _BARE_ARGUMENT.sub(r"\\\1{\2}", _BARE_BINOMIAL.sub(r"\\binom{\1}{\2}", text))
        text = _WITHOUT.sub(r"\1\\setminus ", _SUCH_THAT.sub("|", text))
        if r"\begin{cases}" in text:
            text = _CASES_COMMA.sub("&", text)
        text = _CHOOSE.sub(r"\\binom{\1}{\2}", text.replace("{:}", ":"))
        text = _NATURAL_LOG.sub(r"\\ln ", text)
    else:
        text = _CURRENCY.sub("", text.replace("~", " "))
    text = _join_thousands(" ".join(text.split())).replace("{,}", "")
    text = _AND_FRACTION.sub(lambda match: rf"{match[1]}\frac{{{match[2] or 1}}}{{{match[3] or 2}}}", text)
    text = _SPOKEN_SIGN.sub("-", _SPOKEN_TIMES.sub(r"\\times ", text))
    text = _FOR_ALL.sub(r"\1", _TO.sub(r"\1:\2", text))
    text = _CONJUNCTION.sub(", ", text)
    text = _from_ascii(text)
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text)
    text = _REPEATING.sub(_repeating, _DOTTED_CYCLE.sub(r"\1.\2\\overline{\3}", text))
    text = _MULTIPLIED.sub(_multiplied, text)
    if _WIDE_THOUSANDS.fullmatch(text.strip()):
        text = text.replace(" ", "")
    text = _FRAC_DIGITS.sub(
        lambda m: rf"\frac{{{m[1] if m[1] is not None else m[2]}}}{{{m[3] if m[3] is not None else m[4]}}}", text
    )
    text = _SQRT_DIGITS.sub(r"\\sqrt{\1}", text)
    text = _SCRIPT_BRACES.sub(r"\1\2", text)
    return _EMPTY_GROUP.sub("", " ".join(text.split())).strip()


def _join_thousands(text: str) -> str:
    """Return a text without thousands separators; in brackets of lists a comma parts elements, as in `(12,102)`."""

    def join(match: re.Match[str]) -> str:
        before = text[: match.start()]
        in_list = any(
            before.count(opening) > before.count(closing)
            for opening, closing in (("(", ")"), ("[", "]"), (r"\{", r"\}"))
        )
        return match[0] if in_list and "{,}" not in match[0] else re.sub(r"\D", "", match[0])

    return _THOUSANDS.sub(join, text)


def _from_unicode(text: str) -> str:
    text = _UNICODE_ROOT.sub(_root, text)
    text = "".join(_vulgar(character) for character in text)
    text = _SUPERSCRIPT_RUN.sub(lambda match: f"^{{{match[0].translate(_SUPERSCRIPTS)}}}", text)
    text = unicodedata.normalize("NFKC", text.translate(_UNICODE)).translate(_UNICODE)
    return "".join(str(unicodedata.digit(one)) if one.isdigit() and not one.isascii() else one for one in text)


def _root(match: re.Match[str]) -> str:
    inner = match[2][1:-1] if match[2][0] in "({" else match[2]
    return f"{_ROOTS[match[1]]}{{{inner}}}"


def _vulgar(character: str) -> str:
    """Return `½` and its like as a fraction."""
    if character.isascii() or unicodedata.category(character) != "No":
        return character
    top, slash, bottom = unicodedata.normalize("NFKC", character).partition("\u2044")
    return rf"\frac{{{top}}}{{{bottom}}}" if slash and bottom else character


def _unwrapped(match: re.Match[str]) -> str:
    content = match[1]
    if _SPACED_DIGITS.fullmatch(content):
        return content.replace(" ", "")
    return content if content.strip() in ("e", "i", "d") else f" {content} "


def _primes(match: re.Match[str]) -> str:
    return "'" * (match[1] or match[2]).count("prime")


def _renamed(match: re.Match[str]) -> str:
    name = _RENAMED.get(match[1])
    if name is None:
        return match[0]
    return _BRACED_COMMAND_NAMES.get(name) or (f"\\{name}" if name[0].isalpha() else name)


def _from_ascii(text: str) -> str:
    text = text.replace(">=", r"\ge ").replace("<=", r"\le ").replace("...", r"\ldots ")
    text = _NOT_EQUAL.sub(r"\\ne ", text)
    if "(" in text and _CALL.search(text):
        text = _calls(text)
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text)
    text = _INFINITY.sub(r"\\infty ", text)
    text = _ASCII_NAME.sub(r"\\\1 ", text)
    text = re.sub(r"\^\s*\(([^()]*)\)", r"^{\1}", text)
    return re.sub(r"\s*(?<!\\)\*\s*", r"\\cdot ", text)


def _calls(text: str) -> str:
    """Return a text with `sqrt(…)` and its like in LaTeX; a call that is not closed stays."""
    parts: list[str] = []
    position = 0
    while call := _CALL.search(text, position):
        depth, end = 1, call.end()
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth:
            break
        opening, closing = _CALLS[call[1]]
        parts += [text[position : call.start()], opening, _calls(text[call.end() : end - 1]), closing]
        position = end
    return "".join([*parts, text[position:]])


def _multiplied(match: re.Match[str]) -> str:
    """Return `5 million` in digits."""
    value = Fraction(match[1]) * 10 ** _MULTIPLIERS[match[2].lower()]
    return (
        str(value.numerator) if value.denominator == 1 else f"{match[1]}\\cdot 10^{{{_MULTIPLIERS[match[2].lower()]}}}"
    )


def _repeating(match: re.Match[str]) -> str:
    r"""Return `0.1\overline{6}` as a fraction."""
    whole, fixed, cycle = match[1] or "0", match[2], match[3]
    if len(whole + fixed + cycle) > 40:
        return match[0]
    value = Fraction(int(whole + fixed + cycle) - int(whole + fixed), (10 ** len(cycle) - 1) * 10 ** len(fixed))
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _without_units(latex: str) -> tuple[str, str]:
    if noon := _TIME.fullmatch(latex):
        return noon[1], f"{noon[2].lower()}m"
    match = _TRAILING_UNIT.match(latex) if latex[-1:].isalnum() or latex[-1:] in "}.)" else None
    if match is None:
        return latex, ""
    value, unit = match["value"].strip(), match["unit"].strip()
    bare = unit.rstrip(".").split("^")[0].strip()
    attached = latex[len(match["value"]) : len(match["value"]) + 1] == unit[:1]
    if _PERCENT.fullmatch(bare) or not any(map(str.isdigit, value)) or _NOT_UNITS.search(unit):
        return latex, ""
    if len(bare) == 1 and bare not in _UNIT_OF:
        return latex, ""  # a variable
    if attached and (bare not in _UNIT_OF or len(bare) == 1):
        return latex, ""  # 2x, 5ab
    if any(name in value for name in ("=", r"\le", r"\ge", "<", ">")) and len(bare) == 1:
        return latex, ""
    return value, _canonical_unit(unit)


def _canonical_unit(unit: str) -> str:
    """Return a unit in one spelling, such as `km/h` for `kilometers per hour`."""
    unit = re.sub(r"\s+per\s+|\s*/\s*", "/", unit.strip().rstrip("."))
    power = re.search(r"\^\s*\{?(-?\d+)\}?", unit)
    unit = unit[: power.start()] if power else unit
    exponent = power[1] if power else ""
    names = []
    for part in unit.split("/"):
        words = part.split()
        if words and words[0].lower().rstrip(".") in ("square", "sq", "cubic", "cu"):
            exponent, words = ("2" if words[0].lower().startswith("s") else "3"), words[1:]
        names.append(" ".join(map(_unit_name, words)))
    name = "/".join(names)
    return _UNIT_OF.get(name, name) + (f"^{exponent}" if exponent not in ("", "1") else "")


def _unit_name(word: str) -> str:
    lower = word.lower()
    for form in (word, lower, lower.removesuffix("s"), lower.removesuffix("es")):
        if form in _UNIT_OF:
            return _UNIT_OF[form]
    return lower


def known_unit(unit: str) -> bool:
    """Return whether every part of a canonical unit is a unit that is known here."""
    return unit in _UNITS or unit in ("am", "pm") or all(part in _UNITS for part in unit.split("^")[0].split("/"))


def _words(latex: str, is_text: bool) -> str:
    """Return an answer that is text, in lower case and without what does not matter; empty for a formula."""
    bare = latex.strip().strip("()[]").strip(" .")
    if len(_PROSE.findall(bare)) > 3:
        return " ".join(bare.casefold().split())
    if not bare or _MATH_MARK.search(bare) or not _WORDY.search(bare):
        return ""
    runs = re.findall(r"[^\W\d_]+", bare)
    longest = max(map(len, runs), default=0)
    lone = len(runs) == 1
    is_word = (
        is_text
        or longest >= 4
        or (len(runs) > 1 and longest >= 2 and "," not in bare)
        or (lone and longest >= 2 and (runs[0].isupper() or runs[0].lower() in _SHORT_WORDS or not runs[0].isascii()))
    )
    if not is_word:
        return ""
    folded = unicodedata.normalize("NFKC", bare).casefold()
    return _ARTICLE.sub("", " ".join(re.sub(r"[^\w\s']", " ", folded).split()))


def _tight(latex: str) -> str:
    """Return LaTeX without spaces, but where a letter would join the command before it."""
    text = re.sub(r"(\\[A-Za-z]+)\s+(?![A-Za-z])", r"\1", latex)
    text = re.sub(r"\s*([^\w\s\\])\s*", r"\1", text)
    text = re.sub(r"(?<=[\w}\])])\s+(?=\\)", "", text)
    text = re.sub(r"\\cdot\s?(?=[A-Za-z(]|\\(?!frac))", "", text) if r"\cdot" in text else text
    if (text.startswith("]") or text.endswith("[")) and text.count(",") == 1:
        text = f"{'(' if text[0] == ']' else text[0]}{text[1:-1]}{')' if text[-1] == '[' else text[-1]}"
    if text.count(">") + text.count(r"\ge") > 1 and not _UPWARDS.search(text):
        text = _reversed_chain(text)
    return text.removeprefix("+")


def _reversed_chain(text: str) -> str:
    r"""Return `3>x\ge1` as `1\le x<3`."""
    parts = _DOWNWARDS.split(text)
    return "".join({">": "<"}.get(part, r"\le ") if _DOWNWARDS.fullmatch(part) else part for part in reversed(parts))


def _number(text: str) -> tuple[Fraction | None, bool]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None, False
    found = match.groupdict()
    exponent = int(found["exponent"] or found["power"] or found["digit"] or found["ten"] or found["tendigit"] or 0)
    if len(text) > _MOST_DIGITS or abs(exponent) > _MOST_DIGITS:
        return None, False
    sign = -1 if found["sign"] == "-" else 1
    if found["decimal"]:
        return sign * Fraction(found["decimal"].rstrip(".") or "0") * Fraction(10) ** exponent, "." in found["decimal"]
    if found["over"]:
        under = Fraction(found["under"])
        return (sign * Fraction(found["over"]) / under, False) if under else (None, False)
    if found["bottom"]:
        bottom = int(found["bottom"])
        if not bottom:
            return None, False
        part = Fraction(int(found["top"]), bottom) * (-1 if found["minus"] else 1)
        return sign * (int(found["whole"] or 0) + part), False
    return sign * Fraction(10) ** exponent, False


def based(text: str) -> tuple[str, str] | None:
    """Return the digits and the base of a numeral with a base, such as `4210_5`; None for anything else."""
    match = _BASED.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    name = match[2].strip("{}").lower()
    digits, base = match[1].strip("()").upper(), str(_NUMBER_WORDS.get(name, name))
    if not base.isdecimal() or len(base) > 2 or any(int(digit, 16) >= int(base) for digit in digits):
        return None  # a variable with an index, such as `B_1`
    return digits, base
