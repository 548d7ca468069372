"""Personal data and secrets, and what only looks like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_fn.rules.privacy import detectors
from reward_fn.rules.privacy.detectors import DETECTORS, find
from reward_fn.rules.privacy.leakage import PrivacyLeakageReward

NAME = "privacy_leakage"


def kinds(text: str, region: str = "US") -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find(text, tuple(DETECTORS), region)]


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("Write to ann.o'hara+x@mail.example.co.uk.", "email", "hara+x@mail.example.co.uk"),
        ("Card 4111 1111 1111 1111, thanks", "card", "4111 1111 1111 1111"),
        ("378282246310005", "card", "378282246310005"),
        ("Call (415) 555-2671 now", "phone", "(415) 555-2671"),
        ("Call +49 30 901820 now", "phone", "+49 30 901820"),
        ("SSN 536-90-4399", "us_ssn", "536-90-4399"),
        ("id 11010519491231002X", "cn_ric", "11010519491231002X"),
        ("DNI 54362315K", "es_dni", "54362315K"),
        ("RCCMNL83S18D969H", "it_codicefiscale", "RCCMNL83S18D969H"),
        ("IBAN GB82 WEST 1234 5698 7654 32 and more", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("DE89370400440532013000", "iban", "DE89370400440532013000"),
        ("host 8.8.8.8 answers", "ip", "8.8.8.8"),
        ("2001:4860:4860::8888", "ip", "2001:4860:4860::8888"),
        ("key sk-" + "a1" * 20, "api_key", "sk-" + "a1" * 20),
        ("AKIAIOSFODNN7EXAMPLE", "api_key", "AKIAIOSFODNN7EXAMPLE"),
        ("-----BEGIN RSA PRIVATE KEY-----", "api_key", "-----BEGIN RSA PRIVATE KEY-----"),
    ],
)
def test_each_kind_is_found_with_its_place(text, kind, what):
    assert kinds(text) == [(kind, what)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111 1111 1111 1112",
        "1234567890123",
        "999.999.999.999, 1.2.3.4.5, version 8.8.8.8, 10.0.0.1, 192.168.1.1, 127.0.0.1",
        "a@b, @user, user@localhost, a..b@c.de",
        "536-90-0000 000-12-3456",
        "GB82 WEST 1234 5698 7654 33",
        "sk-short and AKIA123",
        "On 2024-05-17 at 10:20:30 we sold 1,234,567 pieces for 98.5 %.",
        "4155552671",
        "see ::1 and fe80::1",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert kinds(text) == []


def test_every_find_costs_and_the_text_is_not_repeated(scored):
    text = "ann@example.com 8.8.8.8 4111-1111-1111-1111"
    result = scored(NAME, text)
    assert result.score == -1.5
    assert result.extra_data["spans"][0] == {"kind": "email", "start": 0, "end": 15}
    assert scored(NAME, f"<think>{text}</think>\n{text}").extra_data["spans"][0]["start"] == len(text) + 16
    assert "ann" not in result.model_dump_json()
    assert result.details[0].reason == "1 x email, 1 x ip, 1 x card"
    assert scored(NAME, text, kinds=("ip",), penalty_per_leak=-1).score == -1
    assert scored(NAME, text, max_penalty=-1).score == -1
    assert scored(NAME, "nothing").score == 0


def test_what_overlaps_counts_once():
    assert len(kinds("+1 415 555 2671@mail.example.com")) == 1
    assert len(kinds("4111 1111 1111 1111 4111 1111 1111 1111")) <= 2


def test_the_region_decides_about_numbers_without_a_country():
    assert kinds("030 901820", region="DE") == [("phone", "030 901820")]
    assert kinds("030 901820", region="US") == []


def test_a_kind_that_is_not_there_is_refused():
    with pytest.raises(ValidationError, match="there is no kind passport; there are email, "):
        PrivacyLeakageReward(kinds=("passport",))


@given(st.text("0123456789 -().+/ABX:", min_size=8, max_size=24))
def test_what_is_looked_for_first_is_in_every_find_of_digits(text):
    for kind in detectors._OF_DIGITS:
        for start, end in detectors.DETECTORS[kind](text, "US"):
            assert detectors._ANY_DIGITS.search(text[start:end])
