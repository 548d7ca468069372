import json

import pytest
from judged_pairs import verl_pair_rows
from rich.console import Console

from rm_train.data.synthetic_pairs import write_pair_reason
from rm_train.evaluation import generation
from rm_train.evaluation.evaluate import evaluate_model
from rm_train.evaluation.generation import Answer
from rm_train.evaluation.judged import read_judgments
from rm_train.evaluation.kinds import kind_of_data, kind_of_metrics
from rm_train.evaluation.pairwise import PAIRWISE, JudgedPair
from rm_train.evaluation.pairwise.reasons import fact_accuracy, parse_facts, stated_facts
from rm_train.evaluation.pointwise import POINTWISE
from rm_train.report import evaluation_table


@pytest.fixture
def answers_are(monkeypatch):
    """Let the model say given texts: a random one never finds a valid verdict."""

    def install(texts):
        def say(model, tokenizer, prompts, **settings):
            return [Answer(text, 7, False) for text, _ in zip(texts, prompts, strict=True)]

        monkeypatch.setattr(generation, "greedy_answers", say)

    return install


def right_answer(row):
    facts = json.loads(row["extra_info"]["facts"])
    reason = write_pair_reason((facts["A"], facts["B"]))
    return f"<reason>{reason}</reason><preference>{row['reward_model']['ground_truth']}</preference>"


def shown(table):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_a_random_model_end_to_end(tiny_model, write_data, tmp_path):
    found = evaluate_model(str(tiny_model), write_data(verl_pair_rows(3)), tmp_path / "out", max_new_tokens=3, limit=5)
    assert (found.metrics.kind, found.metrics.rows, found.metrics.pairs, found.metrics.single_rows) == (
        "pairwise", 5, 2, 1,
    )  # fmt: skip
    saved = json.loads((tmp_path / "out/metrics.json").read_text())["metrics"]
    assert kind_of_metrics(saved) is PAIRWISE and PAIRWISE.from_json(saved) == found.metrics
    assert tuple(read_judgments(tmp_path / "out/judgments.jsonl", JudgedPair)) == found.judgments
    text = " ".join(shown(evaluation_table(found)).split())
    assert "2 pairs asked in both orders; 1 rows without their other order" in text
    for part in ("Both-orders accuracy", "A-rate", "Both-orders accuracy, strength 2", "Consistency"):
        assert part in text


def test_verdicts_are_read_and_compared_with_the_truth(tiny_model, write_data, answers_are):
    rows = verl_pair_rows(3)
    texts = [right_answer(row) for row in rows]
    texts[1] = "A"
    texts[2] = texts[2].replace("city B", "city both")
    answers_are(texts)
    found = evaluate_model(str(tiny_model), write_data(rows))
    first, second, third = found.judgments[:3]
    assert (first.pair_id, first.order, first.target, first.predicted) == ("synthetic_pairwise/0", 0, "A", "A")
    assert (first.strength, first.reason_right, first.fact_accuracy) == (-2, True, 1.0)
    assert (second.failure, second.predicted, second.reason_right, second.fact_accuracy) == (
        "unparseable", None, False, 0.0,
    )  # fmt: skip
    assert (third.predicted, third.reason_right, third.fact_accuracy) == ("B", False, 0.75)
    assert (first.conversation, first.answer_a, first.length_a) == ("Name city 0.", "It is Oslo.", 11)
    figures = found.metrics.figures
    assert figures.both_right.value == figures.consistent.value == pytest.approx(2 / 3)
    # The shorter answer is the better one in all pairs but the tie, whose answers are equally long.
    assert found.metrics.rules == pytest.approx({"longer": 0, "shorter": 2 / 3, "tie": 1 / 3})
    assert figures.accuracy_shorter_better.n == 4 and figures.accuracy_longer_better.value is None
    assert [part.strength for part in found.metrics.by_strength] == [0, 1, 2]


def test_other_forms_are_read_as_they_are_written(tiny_model, write_data, answers_are):
    rows = verl_pair_rows(1)
    for row in rows:
        row["extra_info"]["form"] = "two_scores"
    answers_are(["<think>First.</think><answer>7</answer><answer>2</answer>", "<preference>B</preference>"])
    first, second = evaluate_model(str(tiny_model), write_data(rows)).judgments
    assert (first.predicted, first.reason, first.right) == ("A", "First.", True)
    assert second.predicted is None
    for row in rows:
        row["extra_info"]["form"] = "checklist"
    answers_are(["<reason>- It names a city.</reason><preference>A</preference>"] * 2)
    first, second = evaluate_model(str(tiny_model), write_data(rows)).judgments
    assert (first.right, second.right, first.reason) == (True, False, "It names a city.")


def test_the_file_says_its_kind(write_data, verl_rows):
    assert kind_of_data(write_data(verl_pair_rows(1))) is PAIRWISE
    assert kind_of_data(write_data(verl_rows(1))) is POINTWISE and kind_of_metrics({}) is POINTWISE
    with pytest.raises(ValueError, match="no kind of judge 'listwise'"):
        kind_of_metrics({"kind": "listwise"})


def changed(rows, **values):
    rows[1]["extra_info"].update(values)
    return rows


def told(rows, truth):
    rows[1]["reward_model"]["ground_truth"] = truth
    return rows


def without(rows, field):
    for row in rows:
        del row["extra_info"][field]
    return rows


@pytest.mark.parametrize(
    ("break_rows", "message"),
    [
        (lambda rows: without(rows, "order"), "lacks the field 'order' of the column 'extra_info'"),
        (lambda rows: told(rows, "C"), r"row 1: .*reference is 'C'"),
        (lambda rows: told(rows, "A"), r"row 1: .*strength"),
        (lambda rows: told(changed(rows, strength=None), "A"), "'synthetic_pairwise/0' contradict each other: A and A"),
        (lambda rows: changed(rows, strength=4), r"row 1: .*strength is 4"),
        (lambda rows: changed(rows, length_a=None), r"row 1: .*length_a"),
        (lambda rows: changed(rows, pair_id=""), "row 1: extra_info.pair_id"),
        (lambda rows: changed(rows, form="essay"), "row 1: extra_info.form is 'essay'"),
        (lambda rows: changed(rows, order=0), r"has? ?.*orders \[0, 0\]"),
        (lambda rows: changed(rows, order=None), "row 1: extra_info.order"),
        (lambda rows: changed(rows, facts='{"A": {}}'), "row 1: facts of a pair"),
        (lambda rows: changed(rows, answers='["one"]'), "row 1: extra_info.answers"),
        (lambda rows: changed(rows, conversation="{"), "row 1:"),
    ],
)
def test_broken_data_is_named(tiny_model, write_data, break_rows, message):
    with pytest.raises(ValueError, match=message):
        evaluate_model(str(tiny_model), write_data(break_rows(verl_pair_rows(2))))


def test_reasons_state_the_facts_of_both_answers():
    reason = "city A, day none"
    facts = {"A": {"city": True, "day": False}, "B": {"city": False, "day": False}}
    assert stated_facts(reason) == facts and fact_accuracy(reason, facts) == 1
    assert fact_accuracy("city both, day none", facts) == 0.75 and fact_accuracy("day none", facts) == 0.5
    for broken in ("city yes", "city A, day", "city A, city A", "", reason + "!"):
        assert stated_facts(broken) is None and fact_accuracy(broken, facts) == 0
    assert parse_facts("") is None and parse_facts('{"A": {}, "B": {}}') is None
    for broken in ('{"A": {"city": 1}, "B": {}}', "[]", "{"):
        with pytest.raises(ValueError):
            parse_facts(broken)
    with pytest.raises(ValueError, match="no facts"):
        fact_accuracy(reason, {"A": {}, "B": {}})
