"""docs/rule_accuracy.md, written from what `rule_accuracy.py` has measured."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

from accuracy.cases import KINDS, SETS, Counts, Row, doctor_cases, same_value, with_next

from reward_fn.registry import RewardRegistry

Measured: TypeAlias = "dict[str, dict[tuple[str, str], Counts]]"
"""Kind of cases -> scorer and the form of its gold -> counts."""

OURS = "`math_verify_reward`"
PUBLISHED, ASKED, DOCTOR = "GSM8K: as published", "GSM8K: as asked", "reward-doctor"
_PACKAGES = ("math-verify", "latex2sympy2_extended", "sympy", "verl", "trl", "reward-doctor")
_HEADS = {
    "box": "gold in a box paid",
    "other box": "another row's gold paid",
    "solution": "worked solution paid",
    "other solution": "another row's solution paid",
}

_START = r"""# How right are the rules

Written by `scripts/rule_accuracy.py`. For every scorer of mathematical answers, on public sets: is the right answer
paid, and is a wrong one not? All scorers see the same responses in the same run.

"""
_SETS = r"""## Sets of golds

The response is `The answer is \boxed{GOLD}.`, with the row's own gold or that of the next row whose gold has another
text; and, where the set has them, the worked solution of either row. A gold stands in the box without the dollars
around it. Where the next row's gold is the same value in another form, the case is left out. So are rows without a
gold: `math_verify_reward` fails on them and names the row.

Forms of the gold: *as stored* in the set; *bare*, without dollars, as verl's data script stores MATH's; *in a box*.
verl's scorers are called by its `default_compute_score` with a data source that leads to them (`math_reward`: MATH;
`math_dapo`: `math_dapo`; `prime_math`: `numina_cn_k12`), `math_verify` by its own function, since no data source leads
to it. TRL gets chat completions. math-verify alone is `verify(parse(gold), parse(response))`.

A response has *no score* if the scorer raises an error, prints one, or returns None (TRL, if it cannot parse the
gold). It is counted as not paid.

"""
_GSM8K = r"""## GSM8K: labelled solutions

Solutions by four models of OpenAI, each with the published `is_correct`. *As published* they end in a line `A: 18`; *as
asked* that line is what verl's prompts ask for: `#### 18` for verl's GSM8K scorers, `\boxed{18}` for all others. The
gold is the number alone, as verl's data script stores it. A false positive is a wrong solution that is paid.

`number_accuracy` with `recall`, its default, looks for the gold among all numbers of the solution, so a wrong solution
that mentions it is paid; `last` compares the last number.

"""
_DOCTOR = r"""## reward-doctor

The 87 cases of [reward-doctor](https://pypi.org/project/reward-doctor/) 0.2.0 (Apache-2.0): short answers in many
forms, and answers made to deceive a scorer. Four that its authors call contested are counted too: `5 meters` for `5`
and `{3,2,1}` for `{1,2,3}` are right, so is an answer that is corrected before the end, and `3.14` for `3.14159` is
wrong. No label contradicts the rules of `math_verify_reward`.

"""
_MISSES = r"""## Errors of `math_verify_reward`

All of them, on the sets above. A solution that ends without naming its choice claims no answer, and is not paid; nor is
one that names it in a form that is not read ([math.md](math.md) has those that are).

"""
_FAILURES = "## Responses without a score\n\nThe three most common reasons of each scorer.\n\n"
_END = r"""## How it was measured

```bash
$PYTHON -m pip install --no-deps reward-doctor==0.2.0    # optional
$PYTHON scripts/rule_accuracy.py --data DATA --json rule_accuracy.json
```

`DATA` has `math_golds/math500_first_half.jsonl` (hendrycks/math, MIT), `math_golds/gaokao2023en.jsonl` (from the
evaluation sets of Qwen2.5-Math), `math_golds/aqua_choices.jsonl` (deepmind/AQuA, Apache-2.0) and
`gsm8k/labelled_solutions_first_half.jsonl` (openai/grade-school-math, MIT).

"""


def page(measured: Measured, read: Mapping[str, Sequence[Row]], seconds: float, rows: int | None) -> str:
    """Return the whole page.

    Args:
        measured: The counts.
        read: The rows of each set by its title.
        seconds: How long it took.
        rows: How many rows of each set were scored; None: all.
    """
    parts: list[Iterable[str]] = [[_START], _aims(measured), [_SETS]]
    for title, golds in read.items():
        parts += [_heading(title, golds), _set_table(title, measured)]
    parts += [[_GSM8K], _gsm8k_table(measured), [_DOCTOR], _doctor(measured)]
    parts += [[_MISSES], _errors(measured), [_FAILURES], _failures(measured), [_END, _environment(seconds, rows)]]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line for part in parts for line in part)).strip() + "\n"


def _ours(counts: Mapping[tuple[str, str], Counts]) -> Counts:
    return next(one for (name, _), one in counts.items() if name == OURS)


def _aims(measured: Measured) -> Iterator[str]:
    rows = []
    for one in SETS:
        box, other = (_ours(measured[f"{one.title}: {kind}"]) for kind in KINDS[:2])
        share = 1 - box.missed / box.right
        rows.append(
            (f"{one.title}: golds in a box paid", "at least 99 %", box.right - box.missed, box.right, share >= 0.99)
        )
        share = other.paid / max(other.wrong, 1)
        rows.append((f"{one.title}: another row's gold paid", "at most 1 %", other.paid, other.wrong, share <= 0.01))
    labels = _ours(measured[PUBLISHED])
    agreed = labels.cases - len(labels.differs)
    rows.append(("GSM8K: agreement with the labels", "100 %", agreed, labels.cases, not labels.differs))
    cells = [
        (what, aim, f"{_percent(part, whole)} ({part:,} of {whole:,})", "yes" if met else "**no**")
        for what, aim, part, whole, met in rows
    ]
    if DOCTOR in measured:
        doctor = _ours(measured[DOCTOR])
        cells += [
            ("reward-doctor: wrong answers paid", "0", f"{doctor.paid} of {doctor.wrong}", _met(not doctor.paid)),
            (
                "reward-doctor: right answers missed",
                "at most 2",
                f"{doctor.missed} of {doctor.right}",
                _met(doctor.missed <= 2),
            ),
        ]
    yield f"The aims of {OURS}:\n"
    yield from _table(("what", "aim", "measured", "met"), cells)


def _heading(title: str, golds: Sequence[Row]) -> Iterator[str]:
    same = ((row.gold, other.gold) for row, other in with_next(golds) if same_value(row.gold, other.gold))
    pairs = "; ".join(f"{_shown(gold)} and {_shown(other)}" for gold, other in same)
    left_out = f" Left out, since the values are the same: {pairs}." if pairs else ""
    yield f"### {title}\n\n{len(golds):,} rows.{left_out}\n"


def _set_table(title: str, measured: Measured) -> Iterator[str]:
    kinds = [kind for kind in KINDS if f"{title}: {kind}" in measured]
    rows = []
    for key in measured[f"{title}: box"]:
        counts = [measured[f"{title}: {kind}"][key] for kind in kinds]
        cells = [_percent(one.right - one.missed + one.paid, one.cases) for one in counts]
        failed, cases = sum(one.failed.total() for one in counts), sum(one.cases for one in counts)
        rows.append((*key, *cells, f"{failed:,} of {cases:,}"))
    yield from _table(("scorer", "gold", *(_HEADS[kind] for kind in kinds), "no score"), rows)


def _gsm8k_table(measured: Measured) -> Iterator[str]:
    rows = []
    for kind in (PUBLISHED, ASKED):
        for key, one in measured[kind].items():
            agreed = _percent(one.cases - len(one.differs), one.cases)
            line = kind.partition(": ")[2]
            rows.append((*key, line, agreed, f"{one.paid:,}", f"{one.missed:,}", f"{one.failed.total():,}"))
    labels = _ours(measured[PUBLISHED])
    yield f"{labels.cases:,} solutions, {labels.right:,} of them right.\n"
    yield from _table(
        ("scorer", "gold", "last line", "agreement", "false positives", "false negatives", "no score"), rows
    )


def _doctor(measured: Measured) -> Iterator[str]:
    if DOCTOR not in measured:
        yield "Not measured: it is not installed.\n"
        return
    rows = [
        (*key, f"{one.paid} of {one.wrong}", f"{one.missed} of {one.right}", str(one.failed.total()))
        for key, one in measured[DOCTOR].items()
    ]
    yield from _table(("scorer", "gold", "wrong answers paid", "right answers missed", "no score"), rows)
    differs = _ours(measured[DOCTOR]).differs
    if not differs:
        yield f"{OURS} agrees with every label.\n"
        return
    yield f"Where {OURS} differs from the label:\n"
    yield from _table(
        ("case", "gold", "answer", "label"),
        [
            (one.id, _shown(one.reference), _shown(one.completion), "right" if one.expect else "wrong")
            for one, case in doctor_cases()
            if case in differs
        ],
    )


def _errors(measured: Measured) -> Iterator[str]:
    rows = [
        (kind, _shown(one.pair.gold), _shown(one.pair.response), "missed" if one.right else "paid")
        for kind, counts in measured.items()
        if kind != DOCTOR
        for one in _ours(counts).differs
    ]
    yield from _table(("where", "gold", "end of the response", "error"), rows) if rows else ["None.\n"]


def _failures(measured: Measured) -> Iterator[str]:
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for counts in measured.values():
        for key, one in counts.items():
            reasons.setdefault(key, Counter()).update(one.failed)
    rows = [
        (*key, _shown(reason), f"{count:,}") for key, all_ in reasons.items() for reason, count in all_.most_common(3)
    ]
    yield from _table(("scorer", "gold", "reason", "responses"), rows) if rows else ["Every response had a score.\n"]


def _environment(seconds: float, rows: int | None) -> str:
    versions = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    rule = RewardRegistry.get("math_verify_reward").version
    smoke = f" **Only the first {rows} rows of each set.**" if rows else ""
    return (
        f"Measured on {date.today().isoformat()} in {seconds:,.0f} s on {os.cpu_count()} cores with Python "
        f"{platform.python_version()}, {OURS} version {rule}, {versions}.{smoke}\n"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _met(met: bool) -> str:
    return "yes" if met else "**no**"


def _percent(part: int, whole: int) -> str:
    if part in (0, whole):
        return "100 %" if part else "0 %"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f} %"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _shown(text: str) -> str:
    """Return the end of a text as code in a cell."""
    ending = " ".join(text.split())[-90:].replace("`", " ").replace("|", r"\|")
    return f"`{ending}`" if ending else "(empty)"
