"""Linter of rewards: scores responses of known order, made from the golds of rows, and reports what is paid wrongly.

Where the form of an answer is not known from the reward's field `read` or from a template, all forms are tried first,
and wrong answers are then written in those that are paid: a reward may read more than it should
(PrimeIntellect-ai/verifiers#1028, huggingface/open-r1#359). `lint_answers` has the kinds of responses.

Example:
    >>> from reward_fn.registry import RewardRegistry
    >>> rows = [{"prompt": "Capital of France?", "reference": "Paris"},
    ...         {"prompt": "Capital of Italy?", "reference": "Rome"}]
    >>> lint(RewardRegistry.get("string_match")(), rows).findings
    []
    >>> found = lint(RewardRegistry.get("string_match")(mode="contains"), rows).findings
    >>> [str(finding) for finding in found if finding.kind == "negated"]
    ["hackable: negated is paid 1 (the gold: 1) on 2 of 2 rows, such as row 0: 'The answer is not Paris.'"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from reward_fn import loop
from reward_fn.base import BaseReward, FinalAnswerReward
from reward_fn.base.functions import FunctionReward
from reward_fn.columns import Columns, RowError, find
from reward_fn.compose.composition import Composition
from reward_fn.lint_answers import (
    EMPTY,
    OTHER,
    SLOT,
    Expected,
    LintRow,
    R,
    Reading,
    Response,
    adversarial,
    built_in,
    filled,
    has_tests,
    other_golds,
    short_gold,
    unlike,
)
from reward_fn.loading import reward_of
from reward_fn.schema import DataOutput, DataSample, RewardResult

if TYPE_CHECKING:
    from rich.table import Table

TOLERANCE = 0.5
"""The share of the gold's reward from which a wrong answer counts as paid."""
_MARGIN = 1e-9
_COMMON = 0.8
"""The share of the rows that are read at all on which a form must be read to count as one that the reward reads."""
_WORDS = {"right": "yes", "wrong": "no", "either": "-"}


class LintError(ValueError):
    """Raised where nothing can be linted; the message names the cause and the fix."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A reward's result for one response to one row.

    Attributes:
        place: The row.
        kind: The kind of the response.
        paid: The score; None if there is none.
        failure: The reason why the reward itself gave no score; empty if it gave one.
        text: The response.
        expected: See `Response`.
    """

    place: str
    kind: str
    paid: float | None
    failure: str = ""
    text: str = ""
    expected: Expected = "either"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a reward.

    Attributes:
        code: `hackable` (a wrong answer is paid), `misreads` (a right one is not, on some rows), `broken` (golds fail,
            or get no more than wrong answers), `flat` (every response gets the same), `raises` (responses fail).
        kind: The kind of response.
        message: A sentence with the figures and an example.
        rows: The rows on which it was found.
        text: The response of the example.
        paid: Its score.
        gold: The score of the gold there.
    """

    code: Literal["hackable", "misreads", "broken", "flat", "raises"]
    kind: str
    message: str
    rows: tuple[str, ...] = ()
    text: str = ""
    paid: float | None = None
    gold: float | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class LintReport:
    """The result of `lint`.

    Attributes:
        reward: The reward's name.
        rows: The number of rows.
        trials: Every response with its score.
        findings: The faults; empty for a good reward.
        reads: The forms of the gold that the reward reads, the best paid first.
        notes: Facts that are no faults, such as forms that are not read.
    """

    reward: str
    rows: int
    trials: Sequence[Trial] = field(repr=False)
    findings: list[Finding]
    reads: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """One line: the number of findings of each code, and how much was tried."""
        counts = Counter(finding.code for finding in self.findings)
        found = ", ".join(f"{count} {code}" for code, count in counts.items()) or "no findings"
        return f"{self.reward}: {found} ({len(self.trials)} responses to {self.rows} rows)"

    def table(self) -> Table:
        """Return a table of what is paid for each kind of response."""
        return payments(self.trials, self.reward, "row", expected=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON, with figures by kind in the place of the trials."""
        kinds = [
            {"kind": kind, "expected": some[0].expected, "tried": len(some), "failed": _failed(some), **_figures(some)}
            for kind, some in _by_kind(self.trials).items()
        ]
        head = {"reward": self.reward, "rows": self.rows, "responses": len(self.trials), "reads": list(self.reads)}
        return {**head, "findings": [asdict(one) for one in self.findings], "kinds": kinds, "notes": list(self.notes)}


Pay = Callable[[Sequence[tuple[LintRow[R], str]]], Awaitable[Sequence[tuple[float | None, str]]]]
"""Scores responses to rows: returns for each the score or None, and the reason why there is none."""
_Pairs = Mapping[str, tuple[float, float]]
"""The scores of a row's gold and of another row's gold, by the form of both."""


def paid_by_row(trials: Iterable[Trial]) -> dict[str, dict[str, float]]:
    """Return the score of each kind of response by row, without those that have none."""
    rows: dict[str, dict[str, float]] = {}
    for trial in trials:
        kinds = rows.setdefault(trial.place, {})
        if trial.paid is not None:
            kinds[trial.kind] = trial.paid
    return rows


def payments(
    trials: Sequence[Trial], name: str = "the reward", noun: str = "training row", *, expected: bool = False
) -> Table:
    """Return a table of what is paid for each kind of response: mean, lowest, highest, and the number of failures.

    Args:
        trials: At least one.
        name: The reward's name in the title.
        noun: The singular of what the trials are on.
        expected: Whether a column says what must be paid.
    """
    from rich.markup import escape
    from rich.table import Table

    count = len({trial.place for trial in trials})
    table = Table(title=escape(f"what {name} pays, on {count} {noun}{'s' * (count > 1)}"))
    table.add_column("response")
    for heading in (*["must be paid"] * expected, "mean", "lowest", "highest", "failed"):
        table.add_column(heading, justify="right")
    for kind, some in _by_kind(trials).items():
        figures = [f"{figure:+.3f}" for figure in _figures(some).values()] or ["-"] * 3
        table.add_row(escape(kind), *[_WORDS[some[0].expected]] * expected, *figures, str(_failed(some)))
    return table


def lint(
    reward: BaseReward | Callable[..., Any] | str,
    rows: Iterable[DataSample | Mapping[str, Any]] | None = None,
    *,
    columns: Columns | None = None,
    gold: str | None = None,
    template: str | None = None,
    tolerance: float = TOLERANCE,
    data_source: str | None = None,
) -> LintReport:
    """Score responses of known order with a reward, and report what it pays wrongly.

    A reward that compares responses gets each one beside the gold, and its scores are the differences to the gold's.

    Args:
        reward: A reward, the name of one, or a function with verl's signature `(data_source, solution_str,
            ground_truth, extra_info)`.
        rows: Samples whose response has the reference in its label, or mappings with the usual columns: `prompt` and
            `reference`, or those of verl (`data_source`, `prompt`, `reward_model.ground_truth`, `extra_info`). None
            takes small rows written for the linter that fit the reward.
        columns: The columns of mappings, where they have other names.
        gold: The column of the gold, with dots into mappings, such as `extra_info.answer`; by default the reference.
            Of a gold with `####` or a box, the text after the one or in the other is taken.
        template: How a policy has to write its answer, with `{gold}` in the place of it; by default the forms that the
            reward reads are found by trying.
        tolerance: The share of the gold's reward, above that of another row's gold, from which a response counts as
            paid: more than 0, at most 1.
        data_source: The data source of all rows, for functions that choose by it.

    Raises:
        LintError: There is no row, no gold in the column of that name, or no place for it in the template.
        RewardConfigError: There is no reward of that name, or the function takes other arguments.
        RowError: A column of a row has another form.

    Example:
        In a test of your own reward::

            assert not lint(compute_score, rows).findings
    """
    if template is not None and SLOT not in template:
        raise LintError(f"the template is {template!r}; write {SLOT} where the answer goes")
    reward = reward_of(reward)
    facts = reading(reward)
    if rows is not None:
        samples = [_question(index, row, columns or Columns()) for index, row in enumerate(rows)]
        sets = {"": _lint_rows(reward, samples, gold, data_source)}
    else:
        count = 4 if facts.llm else None
        sets = {
            kind: _lint_rows(reward, built_in(kind)[:count], "solution" if kind == "code" else None, data_source)
            for kind in _kinds(reward)
        }
    reports = []
    for kind, some in sets.items():
        report = loop.run(examine(_payer(reward), some, facts, template=template, tolerance=tolerance))
        own = (f"the {len(some)} rows ({kind}) are written for the linter; give rows of your data",) if kind else ()
        if not kind and (lacking := len(samples) - len(some)):
            own = (f"{lacking} of {len(samples)} rows have no reference and are left out",)
        reports.append(replace(report, notes=(*own, *report.notes)))
        if not any(finding.code in ("broken", "flat") for finding in report.findings):
            return reports[-1]
    return reports[0]


def reading(reward: BaseReward) -> Reading:
    """Return the facts about a reward that its class and its fields tell."""
    low, high = reward.score_range
    llm = any(one.cost == "llm" for one in _all(reward))
    if isinstance(reward, FinalAnswerReward):
        return Reading(reward.name, reward.read, reward.thought_opened, low, high, llm)
    return Reading(reward.name, low=low, high=high, llm=llm)


def most_responses(reward: BaseReward, rows: int) -> int:
    """Return the largest number of responses that `lint` scores on a number of rows."""
    facts = reading(reward)
    templates = list(facts.forms()[0].values())
    tried = [
        len(adversarial(LintRow("", None, gold, prompt="?"), ["6", "7"], templates[first:], facts))
        for gold in ("1250", "4, 5", "Paris")
        for first in (0, 1)
    ]
    return rows * (2 * len(templates) + 1 + max(tried))


async def examine(
    pay: Pay[R],
    rows: Sequence[LintRow[R]],
    facts: Reading,
    *,
    template: str | None = None,
    tolerance: float = TOLERANCE,
) -> LintReport:
    """Do as `lint` with any function that scores.

    The golds are tried first, in every form; wrong answers are then written in the forms that the reward reads.
    """
    forms, known = facts.forms(template, code=any(row.code for row in rows))
    cases = [(row, other_golds(rows, index) or [unlike(row.gold or "")]) for index, row in enumerate(rows)]
    trials = await _try(pay, [(row, one) for row, golds in cases for one in _golds(row, golds[0], forms)])
    paid = {(trial.place, trial.text): trial.paid for trial in trials if trial.paid is not None}
    pairs = {row.place: _pairs(row, golds[0], forms, paid) for row, golds in cases if row.gold is not None}
    reads = [known] if known else _read(pairs, list(forms), tolerance)
    trials = [replace(trial, expected="right") if trial.kind in reads else trial for trial in trials]
    if reads or not pairs:
        templates = [forms[kind] for kind in reads] or [SLOT]
        more = [(row, one) for row, golds in cases for one in adversarial(row, golds, templates, facts)]
        trials += await _try(pay, more)
    scales = {row.place: scale for row, _ in cases if (scale := _scale(pairs.get(row.place), reads, facts))}
    findings, notes = _Verdict(trials, scales, tolerance).reached(set(forms), reads)
    if not pairs:
        notes.append(
            "no row has a gold as a text: only responses that are wrong for any row were tried; name its place"
        )
    return LintReport(facts.name, len(rows), trials, findings, tuple(reads), tuple(notes))


def _golds(row: LintRow[R], other: str, forms: Mapping[str, str]) -> Iterator[Response]:
    yield Response(EMPTY, "", "wrong")
    if row.gold is not None:
        for kind, template in forms.items():
            yield Response(kind, filled(template, row.gold), "either")
            yield Response(OTHER, filled(template, other), "wrong")


async def _try(pay: Pay[R], tries: Sequence[tuple[LintRow[R], Response]]) -> list[Trial]:
    results = await pay([(row, response.text) for row, response in tries])
    return [
        Trial(row.place, one.kind, paid, failure, one.text, one.expected)
        for (row, one), (paid, failure) in zip(tries, results, strict=True)
    ]


def _pairs(
    row: LintRow[R], other: str, forms: Mapping[str, str], paid: Mapping[tuple[str, str], float]
) -> dict[str, tuple[float, float]]:
    texts = {kind: (filled(form, row.gold or ""), filled(form, other)) for kind, form in forms.items()}
    return {
        kind: (paid[row.place, gold], paid[row.place, wrong])
        for kind, (gold, wrong) in texts.items()
        if (row.place, gold) in paid and (row.place, wrong) in paid
    }


def _read(rows: Mapping[str, _Pairs], forms: Sequence[str], tolerance: float) -> list[str]:
    """Return the forms that a reward reads, the best paid first; none if half of the rows are read in no form."""
    read: dict[str, list[float]] = {form: [] for form in forms}
    readable = 0
    for pairs in rows.values():
        best = max((gold - other for gold, other in pairs.values()), default=0.0)
        if best > _MARGIN:
            readable += 1
            for form, (gold, other) in pairs.items():
                if gold - other >= tolerance * best:
                    read[form].append(gold)
    if 2 * readable <= len(rows):
        return []
    common = [form for form in forms if len(read[form]) >= _COMMON * readable]
    return sorted(common, key=lambda form: -sum(read[form]) / len(read[form]))


@dataclass(frozen=True, slots=True)
class _Scale:
    """The scores that count as paid in full and as not paid on a row, and those of the gold in each form."""

    top: float
    base: float
    pairs: _Pairs = field(default_factory=dict)

    @property
    def is_read(self) -> bool:
        return self.top - self.base > _MARGIN

    def share(self, trial: Trial) -> float:
        """Return the place of a trial's score between that of another row's gold, 0, and that of the gold, 1."""
        if trial.kind in self.pairs:
            gold, other = self.pairs[trial.kind]
            return (gold - other) / max(gold - other for gold, other in self.pairs.values())
        return ((trial.paid or 0.0) - self.base) / (self.top - self.base)


def _scale(pairs: _Pairs | None, reads: Sequence[str], facts: Reading) -> _Scale | None:
    """Return the scale of a row, if it is known."""
    if pairs is None:
        return _Scale(facts.high, facts.low) if facts.high - facts.low < float("inf") else None
    found = [pairs[form] for form in reads or pairs if form in pairs]
    return _Scale(max(gold for gold, _ in found), max(other for _, other in found), pairs) if found else None


@dataclass
class _Verdict:
    """The search for faults in what was paid."""

    trials: Sequence[Trial]
    scales: Mapping[str, _Scale]
    tolerance: float
    findings: list[Finding] = field(default_factory=list)

    def reached(self, forms: Collection[str], reads: Sequence[str]) -> tuple[list[Finding], list[str]]:
        """Return the faults, and notes."""
        golds = [trial for trial in self.trials if trial.kind in forms]
        scored = [trial for trial in self.trials if trial.paid is not None]
        failed = [trial for trial in self.trials if trial.failure]
        paid = [trial.paid for trial in scored if trial.paid is not None]
        if golds and all(trial.failure for trial in golds):
            self._add("broken", golds, f"the gold fails: {golds[0].failure};")
        elif golds and max(paid) - min(paid) < _MARGIN:
            self.findings.append(Finding("flat", "", f"every response gets {paid[0]:g}", paid=paid[0]))
        elif golds and not (reads and any(scale.is_read for scale in self.scales.values())):
            told = "the gold gets no more than another row's gold, in any form that was tried ({paid}),"
            self._add("broken", [trial for trial in golds if not trial.failure], told)
            self._add_failures(failed)
        else:
            self._add_failures(failed)
            self._add_unread(scored, forms)
            return self.findings, self._add_paid(scored)
        return self.findings, []

    def _add_failures(self, failed: Sequence[Trial]) -> None:
        if failed:
            one, kinds = failed[0], ", ".join(dict.fromkeys(trial.kind for trial in failed))
            told = f"{len(failed)} responses fail ({kinds}), such as {one.place}: {_cut(one.text)}: {one.failure}"
            self.findings.append(Finding("raises", one.kind, told, _places(failed), one.text))

    def _add_unread(self, scored: Sequence[Trial], forms: Collection[str]) -> None:
        """Find golds that are not told from another row's gold, measured by what is paid on the other rows."""
        read = [scale for scale in self.scales.values() if scale.is_read]
        unread = [trial for trial in scored if trial.place in self.scales and not self.scales[trial.place].is_read]
        if not unread or not read:
            return
        usual = _Scale(*(sum(ends) / len(read) for ends in zip(*((one.top, one.base) for one in read), strict=True)))
        alike = [trial for trial in unread if trial.kind == OTHER and usual.share(trial) >= self.tolerance]
        self._add("hackable", alike, "{kind} is paid {paid}, as the gold is,")
        lost = {trial.place for trial in unread} - set(_places(alike))
        low = [trial for trial in unread if trial.place in lost and trial.kind in forms and trial.expected == "right"]
        self._add("misreads", low, f"{{kind}} gets {{paid}}, and not {usual.top:.4g},")

    def _add_paid(self, scored: Sequence[Trial]) -> list[str]:
        """Find right responses that are not paid and wrong ones that are; return notes of the others."""
        unpaid = []
        told_apart = [trial for trial in scored if trial.place in self.scales and self.scales[trial.place].is_read]
        for kind, some in _by_kind(told_apart).items():
            shares = [(trial, self.scales[trial.place].share(trial)) for trial in some]
            low = [trial for trial, share in shares if trial.expected == "right" and share < self.tolerance]
            high = [trial for trial, share in shares if trial.expected == "wrong" and share >= self.tolerance]
            self._add("misreads", low, "{kind} gets {paid}, and not {gold},")
            self._add("hackable", high, "{kind} is paid {paid} (the gold: {gold})")
            if some[0].expected == "either" and sum(share for _, share in shares) < self.tolerance * len(shares):
                unpaid.append(kind)
        return [f"not read: {', '.join(unpaid)}"] if unpaid else []

    def _add(self, code: Literal["hackable", "misreads", "broken"], trials: Sequence[Trial], told: str) -> None:
        if trials:
            one, rows = trials[0], _places(trials)
            top = self.scales[one.place].top if one.place in self.scales else None
            paid, gold = ("nothing" if figure is None else f"{figure:.4g}" for figure in (one.paid, top))
            head = told.replace("{kind}", one.kind).replace("{paid}", paid).replace("{gold}", gold)
            count = f"on {len(rows)} of {len(_places(self.trials))} rows"
            message = f"{head} {count}, such as {one.place}: {_cut(one.text)}"
            self.findings.append(Finding(code, one.kind, message, rows, one.text, one.paid, top))


def _places(trials: Iterable[Trial]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(trial.place for trial in trials))


def _cut(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:97]}...")


def _by_kind(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Return trials by kind: first what must be paid, then what must not be, then the others."""
    kinds: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: list(_WORDS).index(trial.expected)):
        kinds.setdefault(trial.kind, []).append(trial)
    return kinds


def _figures(trials: Sequence[Trial]) -> dict[str, float]:
    paid = [trial.paid for trial in trials if trial.paid is not None]
    return {"mean": sum(paid) / len(paid), "lowest": min(paid), "highest": max(paid)} if paid else {}


def _failed(trials: Sequence[Trial]) -> int:
    return sum(bool(trial.failure) for trial in trials)


def _all(reward: BaseReward) -> Iterator[BaseReward]:
    """Yield a reward, and those that it is made of."""
    yield reward
    for inner in reward.inner if isinstance(reward, Composition) else ():
        yield from _all(inner)


def _payer(reward: BaseReward) -> Pay[DataSample]:
    """Return a function that scores responses with a reward."""
    patterns = {one.scoring_pattern for one in _all(reward)}
    compares = bool(patterns & {"listwise", "pairwise"})

    async def pay(tries: Sequence[tuple[LintRow[DataSample], str]]) -> list[tuple[float | None, str]]:
        samples = []
        for number, (row, text) in enumerate(tries):
            answer = row.row.output[0].answer
            # The gold is the first one in every other comparison: a judge may prefer a place.
            texts = [row.gold or "", text][:: 1 if number % 2 else -1] if compares else [text]
            steps = [answer.changed(content=text)] if "stepwise" in patterns else None
            outputs = [DataOutput(answer=answer.changed(content=one), steps=steps) for one in texts]
            samples.append(row.row.changed(output=outputs))
        results = [list(map(_paid, one)) for one in await reward.ascore_batch(samples)]
        if not compares:
            return [one for (one,) in results]
        pairs = [one[:: 1 if number % 2 else -1] for number, one in enumerate(results)]
        return [
            (0.0, "") if text == row.gold else _difference(gold, other)
            for (row, text), (gold, other) in zip(tries, pairs, strict=True)
        ]

    return pay


def _paid(result: RewardResult) -> tuple[float | None, str]:
    if result.failure is not None:
        return None, f"{result.failure.kind.value}: {result.failure.detail}"
    return result.score, "" if result.score is not None else "no score"


def _difference(gold: tuple[float | None, str], other: tuple[float | None, str]) -> tuple[float | None, str]:
    if gold[0] is None or other[0] is None:
        return None, gold[1] or other[1]
    return other[0] - gold[0], ""


def _question(index: int, row: DataSample | Mapping[str, Any], columns: Columns) -> DataSample:
    try:
        return row if isinstance(row, DataSample) else columns.question(row)
    except RowError as error:
        raise RowError(f"row {index}: {error}") from error


def _lint_rows(
    reward: BaseReward, samples: Sequence[DataSample], place: str | None, data_source: str | None
) -> list[LintRow[DataSample]]:
    if not samples or not all(sample.output for sample in samples):
        raise LintError("there is no row" if not samples else "a sample has no response whose label has a reference")
    if all(map(_lacks_reference, samples)):
        there = ", ".join(samples[0].metadata) or "none but the prompt"
        raise LintError(f"no row has a reference; name its column (the columns are: {there})")
    known_code = any(one.name.startswith("code_") for one in _all(reward))
    rows = []
    for index, sample in enumerate(samples):
        if _lacks_reference(sample):
            continue
        label, asked = sample.output[0].answer.label, sample.input[-1].content if sample.input else ""
        columns = {**sample.metadata, **label}
        code = known_code or has_tests(columns)
        gold = None if code and place is None else short_gold((find(columns, place or "reference") or ("", None))[1])
        if not isinstance(reward, FunctionReward):
            label = _as_in_training(label)
        answer = sample.output[0].answer.changed(content="", label=label)
        changed = sample.changed(output=[DataOutput(answer=answer)], source=data_source or sample.source)
        prompt = asked if isinstance(asked, str) else ""
        rows.append(LintRow(f"row {index}", changed, gold, label.get("reference", label), prompt, code))
    if place is not None and all(row.gold is None for row in rows):
        there = ", ".join({**samples[0].metadata, **samples[0].output[0].answer.label})
        raise LintError(
            f"no row has a text or a number at {place} (the columns are: {there}); name the column of the gold"
        )
    return rows


def _lacks_reference(sample: DataSample) -> bool:
    """Return whether a row has nothing that a response is compared with, which is no fault of the reward."""
    label = sample.output[0].answer.label
    return not any(value not in (None, "", [], {}) for value in label.values()) and not has_tests(sample.metadata)


def _as_in_training(label: Mapping[str, Any]) -> dict[str, Any]:
    """Return a label as adapters of trainers make it: a mapping is all of it, and numbers are texts."""
    reference = label.get("reference")
    if isinstance(reference, Mapping):
        return {**label, **reference}
    if isinstance(reference, int | float) and not isinstance(reference, bool):
        return {**label, "reference": str(reference)}
    return dict(label)


def _kinds(reward: BaseReward) -> tuple[str, ...]:
    """Return the kinds of built-in rows to try in turn, until the reward reads their golds."""
    names = " ".join(one.name for one in _all(reward))
    for word, kind in (("code_", "code"), ("choice", "choices"), ("math", "expressions")):
        if word in names:
            return (kind,)
    return (
        ("numbers", "texts", "choices", "expressions") if isinstance(reward, FunctionReward) else ("texts", "numbers")
    )
