import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.judges.pointwise import pointwise_messages
from rm_train.data.converters.helpsteer2 import parse_turns
from rm_train.data.errors import RowProblem
from tests.data.ratings import make_row, make_rows, read_rows, write_jsonl

THREE = [
    {"role": "user", "content": "first\nline"},
    {"role": "assistant", "content": "a reply"},
    {"role": "user", "content": "second"},
]


@pytest.mark.parametrize(
    "prompt",
    [
        "first\nline\n<extra_id_1>Assistant\na reply\n<extra_id_1>User\nsecond",
        "first\nline<extra_id_1>Assistant\na reply\n<extra_id_1>User\nsecond",
        "first\nline<extra_id_1>Assistant a reply<extra_id_1>User second",
        "first\nline<extra_id_1>Assistant: a reply<extra_id_1>User: second",
        "<extra_id_1>User\nfirst\nline<extra_id_1>Assistant\na reply<extra_id_1>User\nsecond",
        "first\nline<extra_id_1>Assistant\na reply<extra_id_1>User\nsecond\n<extra_id_1>Assistant\n",
    ],
)
def test_spellings_of_the_same_turns(prompt):
    turns = parse_turns(prompt)
    assert [{**turn, "content": turn["content"].strip()} for turn in turns] == THREE


@pytest.mark.parametrize("prompt", ["  plain text\n", "Assistant\nUser\n", "an <extra_id_0> of another kind"])
def test_a_prompt_without_markers_stays_as_it_is(prompt):
    assert parse_turns(prompt) == [{"role": "user", "content": prompt}]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() == text and text.strip("\n: ") == text and "<extra_id_1>" not in text
)


@given(st.lists(texts, min_size=1, max_size=7).filter(lambda turns: len(turns) % 2 == 1))
def test_written_turns_are_read_back(turns):
    prompt = turns[0]
    for number, text in enumerate(turns[1:]):
        prompt += f"\n<extra_id_1>{('Assistant', 'User')[number % 2]}\n{text}"
    parsed = parse_turns(prompt)
    assert [turn["content"] for turn in parsed] == turns
    assert [turn["role"] for turn in parsed] == [("user", "assistant")[number % 2] for number in range(len(turns))]


@given(st.lists(st.sampled_from(["<extra_id_1>", "Assistant", "User", "\n", "a", " ", ":"]), max_size=12).map("".join))
def test_any_text_is_a_conversation_or_a_row_problem(prompt):
    try:
        turns = parse_turns(prompt)
    except RowProblem:
        return
    assert [turn["role"] for turn in turns] == [("user", "assistant")[number % 2] for number in range(len(turns))]
    assert turns[-1]["role"] == "user"
    if len(turns) > 1:
        assert not any("<extra_id_1>" in turn["content"] or not turn["content"].strip() for turn in turns)


def test_turns_reach_the_judging_prompt_and_the_manifest(tmp_path, run):
    prompt = "first\nline\n<extra_id_1>Assistant\na reply\n<extra_id_1>User\nsecond"
    write_jsonl(tmp_path / "in" / "train.jsonl", [make_row(prompt, "the answer"), *make_rows(2)])
    write_jsonl(tmp_path / "in" / "validation.jsonl", make_rows(1, "held out"))
    prepared = run(tmp_path / "in", attribute="correctness")
    first, *others = read_rows(prepared.train)
    assert first["prompt"] == pointwise_messages(THREE, "the answer", "correctness")
    assert len(others) == 4
    assert [prepared.manifest["counts"][side]["multi_turn_rows"] for side in ("train", "validation")] == [1, 0]
