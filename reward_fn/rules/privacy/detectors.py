"""What personal data and secrets look like: candidates found by one pass each, and then checked.

Where there is a check digit, a plan of numbers or a range of addresses, it decides, not the look. Every pattern begins
with a set of characters, which `re` finds fast, then looks at what stands before it, so that nothing begins in the
middle of a run, and its repetitions are bounded.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from types import ModuleType
from typing import NamedTuple

from reward_fn.rules.tokenizers import needed


class Span(NamedTuple):
    """A find: `text[start:end]`, and what kind it is of."""

    start: int
    end: int
    kind: str


Detector = Callable[[str, str], Iterator[tuple[int, int]]]
"""Yields the places of one kind in a text; the second argument is the region for phone numbers."""

_LOCAL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}\Z", re.ASCII)
_AT_DOMAIN = re.compile(
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])", re.ASCII
)
_DIGITS = re.compile(r"\d(?<![\w.].)(?:[ \-]?\d){8,22}(?!\w)", re.ASCII)
_PHONE = re.compile(r"[+(\d](?<![\w.].)[(\d]?(?:[ ().\-/]{0,3}\d){6,16}(?!\w)", re.ASCII)
_MOST_PHONES = 4000
_IBAN = re.compile(r"[A-Z](?<!\w.)[A-Z]\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.ASCII)
_IPV4 = re.compile(r"\d(?<![\w.\-].)\d{0,2}(?:\.\d{1,3}){3}(?![\w\-]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:](?<![\w.\-:].)[0-9A-Fa-f]{0,3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII)
_KEY = re.compile(
    r"[sgAxh\-](?<![\w\-].)(?:(?<=s)k-(?:proj-|ant-)?[A-Za-z0-9_\-]{20,200}|(?<=g)h[pousr]_[A-Za-z0-9]{36,255}"
    r"|(?<=g)ithub_pat_\w{22,255}|(?<=A)(?:KIA|SIA)[A-Z0-9]{16}|(?<=A)Iza[A-Za-z0-9_\-]{35}"
    r"|(?<=x)ox[abprs]-[A-Za-z0-9\-]{10,200}|(?<=h)f_[A-Za-z0-9]{30,60}"
    r"|(?<=-)----BEGIN (?:[A-Z]{1,12} ){0,2}PRIVATE KEY-----)",
    re.ASCII,
)
_KEY_STARTS = (
    "sk-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "AKIA",
    "ASIA",
    "AIza",
    "xox",
    "hf_",
    "-----BEGIN",
)
_VERSION = re.compile(r"(?:version|release|v)\.? ?\Z", re.IGNORECASE)


def emails(text: str, _region: str) -> Iterator[tuple[int, int]]:
    """Find e-mail addresses: what stands around an @."""
    for domain in _AT_DOMAIN.finditer(text):
        at = domain.start()
        local = _LOCAL.search(text[max(0, at - 64) : at])
        if local and not local[0].startswith(".") and ".." not in local[0]:
            yield at - len(local[0]), domain.end()


def cards(text: str, _region: str) -> Iterator[tuple[int, int]]:
    """Find numbers of payment cards: 13 to 19 digits of a known network, with Luhn's check digit."""
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if 13 <= len(digits) <= 19 and digits[0] in "23456" and _luhn(digits):
            yield match.span()


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[::-2])) + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


def phones(text: str, region: str) -> Iterator[tuple[int, int]]:
    """Find phone numbers that are valid in their country's plan; without a +, in the plan of the region.

    Only the first thousands of candidates are looked up, which takes some 50 microseconds each: no answer has more.
    """
    library = needed("phonenumbers")
    for match in islice(_PHONE.finditer(text), _MOST_PHONES):
        try:
            number = library.parse(match[0], region)
        except library.NumberParseException:
            continue
        # A run of digits alone is as likely an amount or an id.
        if library.is_valid_number(number) and not match[0].isdigit():
            yield match.span()


@cache
def _national(kind: str) -> tuple[ModuleType, re.Pattern[str]]:
    module, pattern = {
        "us_ssn": ("stdnum.us.ssn", r"\d(?<![\w\-].)\d{2}-\d{2}-\d{4}(?![\w\-])"),
        "cn_ric": ("stdnum.cn.ric", r"\d(?<!\w.)\d{16}[\dXx](?!\w)"),
        "es_dni": ("stdnum.es.dni", r"\d(?<!\w.)\d{7}-?[A-Z](?!\w)"),
        "fr_nir": ("stdnum.fr.nir", r"[12](?<!\w.) ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?!\w)"),
        "it_codicefiscale": ("stdnum.it.codicefiscale", r"[A-Z](?<!\w.)[A-Z]{5}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z](?!\w)"),
        "in_aadhaar": ("stdnum.in_.aadhaar", r"[2-9](?<![\w\-].)\d{3}[ \-]?\d{4}[ \-]?\d{4}(?![\w\-])"),
    }[kind]
    return needed(module), re.compile(pattern, re.ASCII)


def national_ids(kind: str) -> Detector:
    """Return a detector of one country's personal number, whose check digits python-stdnum verifies."""

    def detect(text: str, _region: str) -> Iterator[tuple[int, int]]:
        module, pattern = _national(kind)
        return (match.span() for match in pattern.finditer(text) if module.is_valid(match[0]))

    return detect


def ibans(text: str, _region: str) -> Iterator[tuple[int, int]]:
    """Find bank accounts with the right check digits; words that follow one are not part of it."""
    check = needed("stdnum.iban").is_valid
    for match in _IBAN.finditer(text):
        end = match.end()
        while end > match.start() + 14:
            if check(text[match.start() : end]):
                yield match.start(), end
                break
            end = text.rfind(" ", match.start(), end)


def public_addresses(text: str, _region: str) -> Iterator[tuple[int, int]]:
    """Find IP addresses that the internet routes; private ones, and versions such as `version 8.8.8.8`, are none."""
    # An address of version 6 has seven colons, or two side by side.
    patterns = (_IPV4, _IPV6) if "::" in text or text.count(":") >= 7 else (_IPV4,)
    for pattern in patterns:
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if address.is_global and not _VERSION.search(text[max(0, match.start() - 9) : match.start()]):
                yield match.span()


def api_keys(text: str, _region: str) -> Iterator[tuple[int, int]]:
    """Find keys of well-known services by their prefixes, and private keys."""
    if any(start in text for start in _KEY_STARTS):
        yield from (match.span() for match in _KEY.finditer(text))


NATIONAL = ("us_ssn", "cn_ric", "es_dni", "fr_nir", "it_codicefiscale", "in_aadhaar")

DETECTORS: dict[str, Detector] = {
    "email": emails,
    "api_key": api_keys,
    "iban": ibans,
    "card": cards,
    **{kind: national_ids(kind) for kind in NATIONAL},
    "ip": public_addresses,
    "phone": phones,
}
"""By kind; of two finds of one length at one place the earlier kind counts."""


_OF_DIGITS = frozenset({"card", "phone", *NATIONAL}) - {"it_codicefiscale"}
_ANY_DIGITS = re.compile(r"\d[\dAB ().\-/]{5}", re.ASCII)
"""What all kinds of `_OF_DIGITS` have in them: looked for once, since most texts have none of it."""


def find(text: str, kinds: tuple[str, ...], region: str) -> list[Span]:
    """Return all finds of some kinds, in their order; of those that overlap the longest."""
    left_out = frozenset() if _ANY_DIGITS.search(text) else _OF_DIGITS
    asked = [kind for kind in DETECTORS if kind in kinds and kind not in left_out]
    found = [Span(start, end, kind) for kind in asked for start, end in DETECTORS[kind](text, region)]
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if kept and span.start < kept[-1].end:
            if span.end - span.start > kept[-1].end - kept[-1].start:
                kept[-1] = span
        else:
            kept.append(span)
    return kept
