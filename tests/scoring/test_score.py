import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from reward_fn.base import BasePointWiseReward, BaseRuleReward, answer_text, reference_text
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, RewardResult, Step
from rm_train.cli import main
from rm_train.scoring import Columns, ScoreError, ScoreSettings, score_file

DUMP = [
    {"input": "user\n1+1?", "output": "\\boxed{2}", "gts": "2", "score": 1.0, "step": 3, "acc": True},
    {"input": "user\n2+2?", "output": "\\boxed{5}", "gts": "4", "score": 0.0, "step": 3, "acc": False},
    {"input": "user\n2+3?", "output": "five", "gts": None, "score": 0.0, "step": 3, "acc": False},
]
"""Lines as verl writes them under trainer.rollout_data_dir."""

TURN = {"role": "user", "content": "q"}


class Exact(BaseRuleReward):
    """1 for the final answer that is the reference, 0 for another one, and -1 for none."""

    version = 3

    name: str = "exact"

    @property
    def score_range(self):
        return -1.0, 1.0

    def _evaluate(self, sample, **kwargs):
        return RewardResult.of(self.name, float(self._answer(sample) == reference_text(sample)))


class Interrupted(BasePointWiseReward):
    """Characters; is interrupted at an answer."""

    name: str = "interrupted"
    at: str | None = None

    def _evaluate(self, sample, **kwargs):
        if answer_text(sample) == self.at:
            raise KeyboardInterrupt
        return RewardResult.of(self.name, len(answer_text(sample)))


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(*arguments):
    return CliRunner().invoke(main, ["score", *map(str, arguments)])


def test_a_rollout_dump_of_verl_is_scored_and_summed_up(tmp_path):
    dump = jsonl(tmp_path / "3.jsonl", DUMP)
    done = run(dump, "--reward", "math_verify_reward")
    assert done.exit_code == 0, done.output
    first, second, third = lines(tmp_path / "3.scored.jsonl")
    assert {key: first[key] for key in DUMP[0]} == DUMP[0]
    assert (first["reward"]["score"], second["reward"]["score"]) == (1.0, 0.0)
    assert first["reward"]["parts"] == {"math_verify_reward": 1.0}
    assert third["reward"]["score"] is None
    assert third["reward"]["failure"]["kind"] == "bad_input"
    assert "0.5" in done.output
    assert "bad_input" in done.output
    assert "the label's reference is missing" in done.output


def test_the_example_scores_a_dump(tmp_path):
    row = {"input": "1+1?", "output": "<think>I add one and one.</think><answer>$2$</answer>", "gts": "2"}
    done = run(jsonl(tmp_path / "1.jsonl", [row]), "--reward", "examples/rewards/mix.yaml")
    assert done.exit_code == 0, done.output
    (scored,) = lines(tmp_path / "1.scored.jsonl")
    assert scored["reward"]["score"] == pytest.approx(0.8)
    assert list(scored["reward"]["parts"]) == [
        "answer", "answer/condition", "answer/then", "length", "length/length_penalty", "repetition",
    ]  # fmt: skip


OPENED = "user\n1+1?\nassistant\n<think>\n"


@pytest.mark.parametrize(
    ("prompt", "scores"),
    [
        ({"input": OPENED}, [1, 0, -1, -1]),
        ({"input": f"{OPENED}\n</think>\n\n"}, [1, 0, 1, 0]),
        ({"input": "user\n1+1?\nassistant\n"}, [1, 0, 1, 0]),
        ({"prompt": [TURN, {"role": "assistant", "content": "<think>"}]}, [1, 0, -1, -1]),
        ({"prompt": [TURN], "thought_opened": True}, [1, 0, -1, -1]),
        ({"prompt": [TURN]}, [1, 0, 1, 0]),
    ],
)
def test_a_thought_that_the_prompt_opened_must_be_closed(tmp_path, prompt, scores):
    """A rollout dump of verl has the rendered prompt."""
    answers = ["1 and 1.\n</think>\n2", "It is 2.\n</think>\n3", "2", "It is 2."]
    path = jsonl(tmp_path / "1.jsonl", [{**prompt, "output": answer, "gts": "2"} for answer in answers])
    settings = ScoreSettings(path, tmp_path / "out.jsonl")
    score_file(Exact(), settings)
    assert [row["reward"]["score"] for row in lines(settings.out)] == scores


@pytest.mark.parametrize("version", [3, 4])
def test_versions_are_written_and_scores_of_two_versions_are_not_mixed(tmp_path, monkeypatch, version):
    path = jsonl(tmp_path / "1.jsonl", [{"response": text, "reference": "2"} for text in "2345"])
    settings = ScoreSettings(path, tmp_path / "out.jsonl", batch=2)
    reward = RewardRegistry.get("weighted_sum")(parts={"exact": Exact(), "length": Interrupted()})
    original = Interrupted._evaluate
    with monkeypatch.context() as patch:
        patch.setattr(Interrupted, "_evaluate", lambda self, sample, **_: original(Interrupted(at="4"), sample))
        with pytest.raises(KeyboardInterrupt):
            score_file(reward, settings)
    monkeypatch.setattr(Exact, "version", version)
    assert score_file(reward, settings).new_answers == (2 if version == 3 else 4)
    versions = {"weighted_sum": 1, "exact": version, "interrupted": 1}
    assert [row["reward"]["versions"] for row in lines(settings.out)] == [versions] * 4


@pytest.mark.parametrize(
    ("row", "options", "answers", "prompt", "reference"),
    [
        ({"question": "q", "response": "a"}, {}, ["a"], "q", None),
        ({"messages": [TURN], "responses": ["a", "b"], "reference": "r"}, {}, ["a", "b"], "q", "r"),
        ({"prompt": [TURN], "output": "a", "reward_model": {"ground_truth": "r"}}, {}, ["a"], "q", "r"),
        ({"x": {"y": "a"}, "z": "q", "w.v": ["r"]}, {"answer": "x.y", "prompt": "z", "reference": "w.v"},
         ["a"], "q", ["r"]),
        ({"response": "a", "gts": {"inputs": []}}, {}, ["a"], None, {"inputs": []}),
    ],
)  # fmt: skip
def test_usual_columns_are_found_and_others_are_named(row, options, answers, prompt, reference):
    sample = Columns(**options).sample(row)
    assert [output.answer.content for output in sample.output] == answers
    assert [message.content for message in sample.input] == ([prompt] if prompt else [])
    assert sample.output[0].answer.label.get("reference") == reference


def test_other_columns_are_metadata_and_samples_are_read_as_they_are():
    sample = Columns().sample({"response": "a", "data_source": "x", "uid": 7, "kind": "k"})
    assert (sample.source, sample.unique_id, sample.metadata["kind"]) == ("x", "7", "k")
    ours = DataSample(unique_id="1", output=[DataOutput(answer=Step(content="a", label={"reference": "b"}))])
    assert Columns().sample(json.loads(ours.model_dump_json())) == ours


def test_parquet_gzip_and_lists_of_answers(tmp_path):
    rows = [{"response": ["a", "bb"], "extra": {"n": 1}}, {"response": ["", "c"], "extra": {"n": 2}}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    for name in ("rows.parquet", "rows.jsonl.gz"):
        out = tmp_path / "out.jsonl"
        fields = ["--set", "min_length=1", "--set", "penalty_rate=2"]
        done = run(tmp_path / name, "--reward", "length_penalty", *fields, "--out", out)
        assert done.exit_code == 0, done.output
        assert [[one["score"] for one in row["reward"]] for row in lines(out)] == [[0, 0], [-2, 0]]
        assert [row["extra"] for row in lines(out)] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--reward", "acuracy"], "did you mean accuracy"),
        (["--reward", "length_penalty", "--set", "max_lenght=1"], "did you mean max_length"),
        (["--reward", "length_penalty", "--set", "max_length"], "write FIELD=VALUE"),
        (["--reward", "none.yaml"], "none.yaml"),
        (["--reward", "accuracy", "--answer-key", "text"], "line 1: there is no answer: no column text among input"),
        (["--reward", "accuracy", "--key", "score"], "a column 'score' already"),
        (["--reward", "accuracy", "--prompt-key", "step"], "step should be a text, or a list of messages"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(tmp_path, arguments, told):
    done = run(jsonl(tmp_path / "1.jsonl", DUMP), *arguments)
    assert done.exit_code == 1
    assert told in done.output
    assert not (tmp_path / "1.scored.jsonl").exists()


def test_a_file_that_is_none_of_rows_is_told(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    (tmp_path / "x.csv").write_text("no")
    assert "no parquet file" in run(tmp_path / "x.parquet", "--reward", "accuracy").output
    assert "should end in" in run(tmp_path / "x.csv", "--reward", "accuracy").output


def test_bad_rows_stop_or_are_counted(tmp_path):
    path = tmp_path / "1.jsonl"
    path.write_text('{"response": "a"}\nnot json\n{"prompt": "q"}\n{"response": "bb"}\n')
    stopped = run(path, "--reward", "length_penalty")
    assert stopped.exit_code == 1
    assert "line 2: not JSON" in stopped.output
    assert "--on-bad-row skip" in stopped.output
    skipped = run(path, "--reward", "length_penalty", "--on-bad-row", "skip")
    assert skipped.exit_code == 0
    assert skipped.output.count("left out: 1 rows") == 2
    assert len(lines(tmp_path / "1.scored.jsonl")) == 2


def test_no_score_at_all_is_an_error_of_the_command(tmp_path):
    done = run(jsonl(tmp_path / "1.jsonl", [{"response": "a"}]), "--reward", "accuracy")
    assert done.exit_code == 1
    assert "the label's reference is missing" in done.output


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    path = jsonl(tmp_path / "1.jsonl", [{"response": "a" * i} for i in range(10)])
    settings = ScoreSettings(path, tmp_path / "out.jsonl", batch=2)
    with pytest.raises(KeyboardInterrupt):
        score_file(Interrupted(at="a" * 5), settings)
    assert not settings.out.exists()
    part = tmp_path / ".out.jsonl.part"
    assert len(lines(part)) == 4
    with part.open("a") as file:
        file.write('{"response": "torn')  # as a kill in the middle of a write leaves it

    asked = []

    class Counted(Interrupted):
        def _evaluate(self, sample, **kwargs):
            asked.append(answer_text(sample))
            return super()._evaluate(sample, **kwargs)

    Counted.__module__, Counted.__qualname__ = Interrupted.__module__, Interrupted.__qualname__
    with pytest.raises(KeyboardInterrupt):
        score_file(Counted(at="a" * 5), settings)
    assert asked[0] == "a" * 4
    summary = score_file(Counted(), settings)  # another reward: from the start
    assert [row["reward"]["score"] for row in lines(settings.out)] == list(range(10))
    assert (summary.rows, summary.scores, summary.new_answers) == (10, [float(i) for i in range(10)], 10)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["1.jsonl", "out.jsonl"]


def test_a_continued_run_counts_all_rows(tmp_path):
    path = jsonl(tmp_path / "1.jsonl", [{"response": "a" * i} for i in range(6)])
    settings = ScoreSettings(path, tmp_path / "out.jsonl", batch=2)
    reward = Interrupted()
    whole = score_file(reward, settings)
    calls = []
    original = Interrupted._evaluate

    def once(self, sample, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, sample, **kwargs)

    Interrupted._evaluate = once
    try:
        with pytest.raises(KeyboardInterrupt):
            score_file(reward, settings)
    finally:
        Interrupted._evaluate = original
    summary = score_file(reward, settings)
    assert (summary.rows, summary.scores) == (whole.rows, whole.scores)
    assert summary.new_answers == 4


def test_a_lone_surrogate_does_not_stop_the_file(tmp_path):
    path = tmp_path / "1.jsonl"
    path.write_text('{"response": "\\ud800"}\n')
    assert run(path, "--reward", "length_penalty").exit_code == 0
    assert lines(tmp_path / "1.scored.jsonl")[0]["reward"]["score"] is not None


def test_unreadable_out_is_told(tmp_path):
    path = jsonl(tmp_path / "1.jsonl", DUMP)
    with pytest.raises(ScoreError):
        score_file(RewardRegistry.get("accuracy")(), ScoreSettings(path, tmp_path / "o.jsonl", key="score"))
    done = run(path, "--reward", "accuracy", "--out", path / "x.jsonl")
    assert done.exit_code == 1
    assert "Not a directory" in done.output


def test_the_rewards_are_listed():
    done = CliRunner().invoke(main, ["rewards"])
    assert done.exit_code == 0
    assert "math_verify_reward" in done.output
