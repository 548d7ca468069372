import hashlib
import json

import pytest

from rm_train.evaluation import generation
from rm_train.evaluation.evaluate import evaluate_model
from rm_train.evaluation.generation import Answer
from rm_train.evaluation.judged import read_judgments
from rm_train.evaluation.pointwise.judged import JudgedRow
from rm_train.evaluation.pointwise.metrics import from_json


@pytest.fixture
def answers_are(monkeypatch):
    """Let the model say given texts: a random one never finds a valid verdict."""

    def install(texts, cut=False):
        def say(model, tokenizer, prompts, **settings):
            return [Answer(text, 7, cut) for text, _ in zip(texts, prompts, strict=True)]

        monkeypatch.setattr(generation, "greedy_answers", say)

    return install


def right_answer(row):
    facts = json.loads(row["extra_info"]["facts"])
    reason = ", ".join(f"{kind} {'yes' if met else 'no'}" for kind, met in facts.items())
    return f"<reason>{reason}</reason><score>{sum(facts.values())}</score>"


def test_a_random_model_end_to_end(tiny_model, verl_rows, write_data, tmp_path):
    data, seen = write_data(verl_rows(7)), []
    found = evaluate_model(
        str(tiny_model),
        data,
        tmp_path / "out",
        batch_size=3,
        max_new_tokens=6,
        limit=5,
        progress=lambda *p: seen.append(p),
    )
    assert found.metrics.rows == len(found.judgments) == 5 and seen == [(3, 5), (5, 5)]
    assert found.metrics.figures.exact.value == 0 and sum(found.metrics.failures.values()) == 5
    assert found.data_sha256 == hashlib.sha256(data.read_bytes()).hexdigest()
    saved = json.loads((tmp_path / "out/metrics.json").read_text())
    assert (saved["dtype"], saved["device"], saved["limit"]) == (found.dtype, found.device, 5)
    assert from_json(saved["metrics"]) == found.metrics
    assert tuple(read_judgments(tmp_path / "out/judgments.jsonl", JudgedRow)) == found.judgments
    assert found.judgments[0].index == 100 and "Rate how helpful" in found.judgments[0].prompt
    again = evaluate_model(str(tiny_model), data, batch_size=2, max_new_tokens=6, limit=5)
    assert again.judgments == found.judgments


def test_verdicts_are_read_strictly(tiny_model, verl_rows, write_data, answers_are):
    rows = verl_rows(4)
    texts = [right_answer(row) for row in rows]
    texts[1] = "<reason>city no</reason><score>9</score>"
    texts[2] += texts[2]
    answers_are(texts)
    found = evaluate_model(str(tiny_model), write_data(rows))
    assert [row.failure for row in found.judgments] == [None, "unparseable", "unparseable", None]
    assert [row.reason_right for row in found.judgments] == [True, False, False, True]
    assert found.metrics.figures.exact.value == found.metrics.figures.reasons_right.value == 0.5
    assert found.judgments[1].predicted is None and found.judgments[1].text == texts[1]


def test_an_answer_cut_before_its_verdict_is_truncated(tiny_model, verl_rows, write_data, answers_are):
    answers_are(["<reason>city yes, da"], cut=True)
    found = evaluate_model(str(tiny_model), write_data(verl_rows(1)))
    assert found.metrics.failures == {"truncated": 1} and found.cut_at_limit == 1


def test_data_without_facts_says_nothing_about_reasons(tiny_model, verl_rows, write_data, answers_are):
    rows = verl_rows(2, facts=False)
    answers_are(["<reason>fine</reason><score>2</score>"] * 2)
    figures = evaluate_model(str(tiny_model), write_data(rows)).metrics.figures
    assert figures.reasons_right.value is None and figures.reasons_right.n == 0 and figures.valid.value == 1


def test_prompts_too_long_stop_or_are_left_out(tiny_model, verl_rows, write_data):
    rows = verl_rows(3)
    rows[1]["prompt"][0]["content"] += " long" * 600
    data = write_data(rows)
    with pytest.raises(generation.PromptTooLongError, match="row 101"):
        evaluate_model(str(tiny_model), data, max_new_tokens=4)
    found = evaluate_model(str(tiny_model), data, max_new_tokens=4, on_long_prompt="skip")
    assert (found.metrics.rows, found.skipped_too_long) == (2, 1)
    with pytest.raises(ValueError, match="none of the 3 prompts"):
        evaluate_model(str(tiny_model), data, max_new_tokens=510, on_long_prompt="skip")


def without(rows, column, field=None):
    for row in rows:
        if field:
            del row[column][field]
        else:
            del row[column]
    return rows


def changed(rows, column, **values):
    rows[1][column].update(values)
    return rows


@pytest.mark.parametrize(
    ("break_rows", "message"),
    [
        (lambda rows: without(rows, "prompt"), "lacks the column 'prompt'"),
        (
            lambda rows: without(without(rows, "extra_info", "facts"), "reward_model"),
            "'reward_model', the field 'facts'",
        ),
        (lambda rows: changed(rows, "reward_model", ground_truth=5), "row 1: the target 5"),
        (lambda rows: changed(rows, "reward_model", ground_truth=None), "row 1: the target None"),
        (lambda rows: changed(rows, "extra_info", facts="{"), "row 1:"),
        (lambda rows: changed(rows, "extra_info", index=None), "row 1: extra_info.index"),
        (lambda rows: [rows[0], {**rows[1], "prompt": []}], "row 1: the prompt"),
    ],
)
def test_broken_data_is_named(tiny_model, verl_rows, write_data, break_rows, message):
    data = write_data(break_rows(verl_rows(3)))
    with pytest.raises(ValueError, match=message):
        evaluate_model(str(tiny_model), data)


def test_missing_and_empty_files_are_named(tiny_model, verl_rows, write_data, tmp_path):
    data = write_data(verl_rows(1))
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(data).slice(0, 0), tmp_path / "empty.parquet")
    (tmp_path / "text.parquet").write_text("not parquet")
    (tmp_path / "folder").mkdir()
    for model, file, kind, message in [
        (str(tiny_model), tmp_path / "none.parquet", FileNotFoundError, "no data file"),
        (str(tiny_model), tmp_path / "text.parquet", ValueError, "not a parquet file"),
        (str(tiny_model), tmp_path / "empty.parquet", ValueError, "no rows"),
        (str(tmp_path / "folder"), data, FileNotFoundError, "config.json"),
        (str(tmp_path / "nowhere"), data, FileNotFoundError, "no model folder"),
    ]:
        with pytest.raises(kind, match=message):
            evaluate_model(model, file)
    with pytest.raises(ValueError, match="limit"):
        evaluate_model(str(tiny_model), data, limit=0)


def test_a_multi_turn_prompt_shows_who_speaks(tiny_model, verl_rows, write_data, answers_are):
    rows = verl_rows(1)
    rows[0]["prompt"] = [{"role": "system", "content": "Judge."}, {"role": "user", "content": "This."}]
    answers_are(["x"])
    assert evaluate_model(str(tiny_model), write_data(rows)).judgments[0].prompt == "system: Judge.\n\nuser: This."
