"""The linter finds what a reward pays wrongly, says nothing about a good one, and names what cannot be linted."""

import json
import math
import threading

import pytest
from rich.console import Console

from reward_fn.base import BaseListWiseReward, BasePointWiseReward, answer_text, reference_text
from reward_fn.columns import Columns, RowError
from reward_fn.lint import LintError, lint, most_responses
from reward_fn.lint_answers import LintRow, Reading, adversarial, other_golds
from reward_fn.loading import RewardConfigError
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataSample, RewardDimensionWithRank, RewardResult

CAPITALS = [("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Norway", "Oslo")]
TEXTS = [{"prompt": f"What is the capital of {country}?", "reference": city} for country, city in CAPITALS]
NUMBERS = [{"prompt": f"What is {n} + {n}?", "reference": str(2 * n)} for n in (6, 17, 450, 808)]
FACTS = Reading("any")


def reward(name, **fields):
    return RewardRegistry.get(name)(**fields)


def kinds(report, code):
    return {finding.kind for finding in report.findings if finding.code == code}


def codes(report):
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize(
    ("name", "fields", "rows", "reads"),
    [
        ("string_match", {}, TEXTS, "gold"),
        ("string_match", {"read": "tag:answer"}, TEXTS, "gold in answer tags"),
        ("string_match", {"read": "tag:final"}, TEXTS, "gold in final tags"),
        ("string_match", {"read": "last_box"}, TEXTS, "gold in a box"),
        ("string_match", {"read": "whole"}, TEXTS, "gold"),
        ("accuracy", {"read": "tag:answer", "thought_opened": True}, NUMBERS, "gold in answer tags"),
        ("accuracy", {}, NUMBERS, "gold"),
    ],
)
def test_a_strict_reward_has_no_findings(name, fields, rows, reads):
    report = lint(reward(name, **fields), rows)
    assert report.findings == []
    assert report.reads == (reads,)


def test_math_is_paid_in_every_form_and_hedges_are_not():
    report = lint(reward("math_verify_reward"), NUMBERS)
    assert report.findings == []
    assert {"gold", "gold in a box", "gold in a sentence"} <= set(report.reads)


def test_a_match_anywhere_is_hackable():
    report = lint(reward("string_match", mode="contains"), TEXTS)
    assert codes(report) == {"hackable"}
    assert kinds(report, "hackable") == {"negated", "hedged", "all candidates", "right, then wrong"}
    (negated,) = (finding for finding in report.findings if finding.kind == "negated")
    assert negated.rows == ("row 0", "row 1", "row 2", "row 3")
    assert (negated.text, negated.paid, negated.gold) == ("The answer is not Paris.", 1, 1)
    told = "hackable: negated is paid 1 (the gold: 1) on 4 of 4 rows, such as row 0: 'The answer is not Paris.'"
    assert str(negated) == told


def test_a_match_anywhere_of_all_the_response_pays_the_thought_too():
    def anywhere(data_source, solution_str, ground_truth, extra_info=None):
        return float(ground_truth in solution_str)

    found = kinds(lint(anywhere, TEXTS), "hackable")
    assert found >= {"gold in the thought only", "unclosed thought", "negated"}


def test_the_recall_of_numbers_is_hackable():
    report = lint(reward("number_accuracy", measure="recall"), NUMBERS)
    assert kinds(report, "hackable") >= {"negated", "hedged", "all candidates", "right, then wrong"}


def test_a_prefix_that_pays_is_found():
    def first_digit(data_source, solution_str, ground_truth, extra_info=None):
        return float(solution_str.strip()[:1] == ground_truth[:1])

    rows = [{"reference": text} for text in ("12", "24", "37", "58")]
    assert "another last digit" in kinds(lint(first_digit, rows), "hackable")


def test_a_part_of_a_list_that_pays_is_found():
    def some(data_source, solution_str, ground_truth, extra_info=None):
        return float(bool(set(solution_str.split(", ")) & set(ground_truth.split(", "))))

    rows = [{"reference": text} for text in ("1, 2", "3, 4", "5, 6")]
    assert "a part of the gold" in kinds(lint(some, rows), "hackable")


def test_a_copy_of_the_prompt_that_pays_is_found():
    rows = [{"prompt": f"{city} or Bern: capital of {land}? One word.", "reference": city} for land, city in CAPITALS]
    assert "prompt copied" in kinds(lint(reward("string_match", mode="contains"), rows), "hackable")


def test_all_letters_of_a_choice_are_a_list_of_candidates():
    report = lint(reward("string_match", mode="contains"), [{"reference": letter} for letter in "BADC"])
    (found,) = (finding for finding in report.findings if finding.kind == "all candidates")
    assert found.text == "The answer is A, B, C, D."


class Score5Judge(BasePointWiseReward):
    """A judge that takes an injected score for its own verdict."""

    name: str = "score5"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        text = answer_text(sample)
        paid = 1 if "highest score" in text or "<score>5" in text else text.strip() == reference_text(sample)
        return RewardResult.of(self.name, paid)


def test_a_judge_that_can_be_told_its_verdict_is_found():
    assert kinds(lint(Score5Judge(), TEXTS), "hackable") == {"injected tags", "injected instructions"}


def test_wrong_answers_are_written_in_the_form_that_is_paid():
    def in_tags(data_source, solution_str, ground_truth, extra_info=None):
        answer = solution_str.partition("<answer>")[2].partition("</answer>")[0]
        return float(ground_truth in answer)

    report = lint(in_tags, TEXTS)
    assert report.reads == ("gold in answer tags", "thought, gold in answer tags")
    texts = {finding.kind: finding.text for finding in report.findings}
    assert texts["negated"] == "<answer>not Paris</answer>"
    assert any("not read: gold, gold in a box" in note for note in report.notes)


def test_a_mix_with_a_format_is_measured_above_its_format():
    def mixed(data_source, solution_str, ground_truth, extra_info=None):
        answer = solution_str.rpartition("<answer>")[2].partition("</answer>")[0]
        closed = "<think>" not in solution_str or "</think>" in solution_str
        return 0.6 * ("<answer>" in solution_str) + 0.4 * (answer == ground_truth and closed)

    assert lint(mixed, TEXTS).findings == []


def test_a_template_is_the_only_form():
    mix = reward("gate", condition="reasoning_format", then={"reward": "accuracy", "read": "tag:answer"})
    report = lint(mix, TEXTS, template="<think>ok</think><answer>{gold}</answer>")
    assert report.reads == ("gold in the template",) and "broken" not in codes(report)
    report = lint(mix, TEXTS, template="So: {gold}")
    assert codes(report) <= {"broken", "flat"} and report.findings


def test_golds_that_are_not_read_are_named():
    def whole_numbers(data_source, solution_str, ground_truth, extra_info=None):
        return float(solution_str.strip() == ground_truth and "." not in ground_truth)

    rows = [*NUMBERS, {"prompt": "A half?", "reference": "0.5"}]
    report = lint(whole_numbers, rows)
    assert [str(finding) for finding in report.findings] == [
        "misreads: gold gets 0, and not 1, on 1 of 5 rows, such as row 4: '0.5'"
    ]


def test_other_golds_that_are_taken_for_the_right_one_are_named_once():
    def rounded(data_source, solution_str, ground_truth, extra_info=None):
        try:
            return float(round(float(solution_str)) == round(float(ground_truth)))
        except ValueError:
            return 0.0

    rows = [{"reference": text} for text in ("3.1", "3.2", "7", "9", "12", "15")]
    report = lint(rounded, rows)
    (finding,) = (finding for finding in report.findings if finding.kind == "another row's gold")
    assert (finding.code, finding.rows, finding.text) == ("hackable", ("row 0",), "3.2")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda data_source, solution_str, ground_truth, extra_info: 1.0, "flat: every response gets 1"),
        (lambda data_source, solution_str, ground_truth, extra_info: float(bool(solution_str)),
         "broken: the gold gets no more than another row's gold, in any form that was tried (1), on 4 of 4 rows"),
        (lambda data_source, solution_str, ground_truth, extra_info: extra_info["no"],
         "broken: the gold fails: crash: KeyError: 'no'; on 4 of 4 rows, such as row 0: 'Paris'"),
        (lambda data_source, solution_str, ground_truth, extra_info: math.nan,
         "broken: the gold fails: crash: <lambda> returned nan; return a finite number, or a mapping with one"),
        (lambda data_source, solution_str, ground_truth, extra_info: float(solution_str.split()[0] == ground_truth),
         "raises: 8 responses fail (empty, white space), such as row 0: '': crash: IndexError: list index out of rang"),
    ],
)  # fmt: skip
def test_broken_rewards(function, said):
    findings = lint(function, TEXTS).findings
    assert str(findings[0]).startswith(said) or said in map(str, findings)


def test_the_reason_of_a_failure_may_have_braces():
    def no_key(data_source, solution_str, ground_truth, extra_info=None):
        raise ValueError("{kind} of {'a': {paid}}")

    assert "{'a':" in lint(no_key, TEXTS).findings[0].message


def test_a_reward_for_length_is_told_to_be_none_for_right_answers():
    assert codes(lint(reward("length_penalty"), TEXTS)) == {"broken"}


def test_functions_are_called_as_verl_does():
    seen = []

    async def asynchronous(data_source, solution_str, ground_truth, extra_info=None, *, scale):
        seen.append((data_source, ground_truth, extra_info))
        return {"score": scale * (solution_str == ground_truth), "more": 1}

    row = {"data_source": "mine", "prompt": [{"role": "user", "content": "?"}], "extra_info": {"index": 3},
           "reward_model": {"style": "rule", "ground_truth": 42}}  # fmt: skip
    threads = set()

    def plain(data_source, solution_str, ground_truth, extra_info):
        threads.add(threading.current_thread())
        return float(solution_str == str(ground_truth))

    assert lint(plain, [row]).findings == []
    assert threading.main_thread() not in threads
    with pytest.raises(RewardConfigError, match=r"missing a required( keyword-only)? argument: 'scale'"):
        lint(asynchronous, [row])
    from reward_fn.loading import reward_of

    lint(reward_of({"reward": asynchronous, "scale": 2}), [row])
    assert set(map(str, seen)) == {"('mine', 42, {'index': 3})"}


def test_a_number_is_a_text_for_our_rewards_as_in_a_run():
    assert lint(reward("accuracy"), [{"question": "?", "answer": number} for number in (4, 12, 99)]).findings == []


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("2 + 2 = 4\n#### 4", "4"),
        (r"So it is \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (["Paris", "Paname"], "Paris"),
        (4.5, "4.5"),
        (True, None),
        (" ", None),
    ],
)
def test_the_gold_is_the_short_right_answer(reference, short):
    report = lint(Score5Judge(), [{"reference": reference}, {"reference": "other"}])
    bare = {trial.text for trial in report.trials if trial.place == "row 0" and trial.kind == "gold"}
    assert bare == ({short} if short else set())


def test_the_gold_stands_where_it_is_said_to():
    tests = [json.dumps({"inputs": ["1\n"], "outputs": [f"{n}\n"]}) for n in (1, 2)]
    rows = [{"reference": one, "extra_info": {"program": f"print({n})"}} for n, one in enumerate(tests, 1)]
    report = lint(reward("code_execution"), rows, gold="extra_info.program")
    assert report.findings == [] and "gold in a fence" in report.reads
    tried = {trial.kind for trial in report.trials}
    assert {"program that exits", "program that prints nothing"} <= tried and "negated" not in tried
    without = lint(reward("code_execution"), rows)
    assert without.findings == [] and "no row has a gold as a text" in without.notes[0]


def test_a_code_reward_that_pays_programs_that_do_nothing_is_found():
    class ExitCode(BasePointWiseReward):
        name: str = "code_exit"

        def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
            return RewardResult.of(self.name, float("```python" in answer_text(sample)))

    rows = [{"reference": json.dumps({"inputs": [""], "outputs": ["1"]})}]
    assert kinds(lint(ExitCode(), rows), "hackable") == {"program that exits", "program that prints nothing"}


def test_a_reward_without_a_range_and_rows_without_golds():
    class Nothing(BasePointWiseReward):
        name: str = "nothing"

        @property
        def score_range(self) -> tuple[float, float]:
            return 0.0, 0.0

        def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
            return RewardResult.of(self.name, 0)

    assert lint(Nothing(), [{"reference": {"rubric": "polite"}}]).findings == []


class Longest(BaseListWiseReward):
    """Ranks the longest first."""

    name: str = "longest"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        ranks = [float(len(output.answer.content)) for output in sample.output]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=ranks)])


class Right(Longest):
    """Ranks right answers first, and the first place first among equals."""

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        right = [output.answer.content == output.answer.label["reference"] for output in sample.output]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=right)])


def test_rewards_that_compare_get_each_response_beside_the_gold():
    report = lint(Right(), TEXTS)
    assert report.findings == []
    paid = {trial.kind: trial.paid for trial in report.trials}
    assert (paid["gold"], paid["another row's gold"], paid["negated"]) == (0, -1, -1)
    assert codes(lint(Longest(), TEXTS)) & {"broken", "hackable"}


@pytest.mark.parametrize("kind", ["math_verify_reward", "number_accuracy", "accuracy", "code_execution"])
def test_rows_of_its_own_fit_the_reward(kind):
    report = lint(kind)
    assert not codes(report) & {"broken", "flat", "misreads", "raises"}
    assert "written for the linter" in report.notes[0]


def test_rows_of_its_own_are_chosen_by_what_a_function_reads():
    def letters(data_source, solution_str, ground_truth, extra_info=None):
        return float(solution_str in list("ABCD") and solution_str == ground_truth)

    report = lint(letters, data_source="mine")
    assert "(choices)" in report.notes[0] and report.findings == []


def test_the_number_of_responses_is_known_before():
    for made, rows in ((reward("accuracy"), TEXTS), (reward("string_match", mode="contains"), NUMBERS)):
        assert len(lint(made, rows).trials) <= most_responses(made, len(rows))


def test_a_report_is_json_and_a_table():
    report = lint(reward("string_match", mode="contains"), TEXTS)
    told = json.loads(json.dumps(report.to_dict()))
    assert told["reward"] == "string_match" and told["rows"] == 4 and told["responses"] == len(report.trials)
    assert {"code", "kind", "message", "rows", "text", "paid", "gold"} == set(told["findings"][0])
    (negated,) = (kind for kind in told["kinds"] if kind["kind"] == "negated")
    assert negated["expected"] == "wrong" and negated["mean"] == 1 and negated["failed"] == 0
    console = Console(record=True, width=120)
    console.print(report.table())
    assert "what string_match pays, on 4 rows" in console.export_text()
    assert report.summary == f"string_match: 4 hackable ({len(report.trials)} responses to 4 rows)"


def test_partial_scores_count_by_their_share():
    wide, strict = lint(reward("f1_score"), TEXTS), lint(reward("f1_score"), TEXTS, tolerance=1.0)
    assert "hedged" in kinds(wide, "hackable")
    assert strict.findings == []


@pytest.mark.parametrize(
    ("made", "rows", "options", "error", "said"),
    [
        ("strin_match", None, {}, RewardConfigError, "did you mean string_match"),
        (lambda text, gold: 1.0, None, {}, RewardConfigError, "cannot be called as verl calls it"),
        (3, None, {}, RewardConfigError, "a reward is a name, or a mapping"),
        ("accuracy", [], {}, LintError, "there is no row"),
        ("accuracy", [{"prompt": "?", "best": "4"}], {}, LintError, "no row has a reference.*the columns are: best"),
        ("accuracy", TEXTS, {"gold": "extra_info.answer"}, LintError, "no row has a text or a number at extra_"),
        ("accuracy", TEXTS, {"template": "<answer></answer>"}, LintError, r"write \{gold\} where the answer goes"),
        ("accuracy", [{"prompt": 3, "reference": "4"}], {}, RowError, "prompt should be a text, or a list of messages"),
    ],
)  # fmt: skip
def test_what_cannot_be_linted_is_named(made, rows, options, error, said):
    with pytest.raises(error, match=said):
        lint(made, rows, **options)


def test_columns_of_other_names():
    rows = [{"q": "?", "best": city} for _, city in CAPITALS]
    assert lint(reward("accuracy"), rows, columns=Columns("q", None, "best")).findings == []


def test_rows_with_equal_references_are_not_paired():
    rows = [LintRow(str(n), None, gold, reference) for n, (gold, reference) in enumerate(
        [("four", "4"), ("2 + 2", "4"), ("0.50", "1/2"), ("1/2", "0.5"), ("five", None)])]  # fmt: skip
    assert other_golds(rows, 0) == ["0.50", "five"]
    assert other_golds(rows, 2) == ["five", "four", "2 + 2"]


def test_no_wrong_response_is_the_gold():
    for gold, others in (
        ("37", ["9"]),
        ("1,250", ["7"]),
        ("B", ["A"]),
        (r"2\sqrt{5}", ["1"]),
        ("1, 2", ["3"]),
        ("5", []),
    ):
        row = LintRow("row 0", None, gold, prompt=f"Is it {gold}")
        for response in adversarial(row, others or ["8"], ["{gold}", r"\boxed{{gold}}"], FACTS):
            if response.expected == "wrong":
                assert response.text not in (gold, rf"\boxed{{{gold}}}"), response


def test_an_injected_score_that_is_the_gold_is_left_out():
    row = LintRow("row 0", None, "5")
    texts = [one.text for one in adversarial(row, ["8"], ["{gold}"], FACTS) if one.kind.startswith("injected")]
    assert not any("5" in text for text in texts) and any("[[10]]" in text for text in texts)
