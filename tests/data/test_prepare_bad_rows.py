import json

import pytest

from rm_train.data import BadRowError, PrepareError
from rm_train.data.errors import BadReason
from rm_train.data.sources import base
from tests.data.ratings import listing, make_row, make_rows, read_rows, write_jsonl


def _without(field):
    return {key: value for key, value in make_row().items() if key != field}


def _text(**changes):
    return json.dumps(make_row(**changes)).encode()


TURNS = {
    "assistant last": "a<extra_id_1>Assistant\nb",
    "user twice": "a\n<extra_id_1>User\nb",
    "assistant twice": "a<extra_id_1>Assistant\nb<extra_id_1>Assistant\nc<extra_id_1>User\nd",
    "nobody's turn": "a<extra_id_1>System\nb<extra_id_1>User\nc",
    "empty reply": "a<extra_id_1>Assistant\n \n<extra_id_1>User\nc",
    "empty first turn": "\n<extra_id_1>Assistant\nb\n<extra_id_1>User\nc",
    "empty last turn": "a<extra_id_1>Assistant\nb\n<extra_id_1>User\n",
}

CASES = [
    *((_without(field), field, BadReason.MISSING) for field in ("prompt", "response", "helpfulness")),
    *((make_row(**{field: None}), field, BadReason.NULL) for field in ("prompt", "response", "helpfulness")),
    *((make_row(**{field: 3}), field, BadReason.NOT_TEXT) for field in ("prompt", "response")),
    (make_row(prompt=["a"]), "prompt", BadReason.NOT_TEXT),
    *(
        (make_row(**{field: text}), field, BadReason.EMPTY)
        for field in ("prompt", "response")
        for text in ("", " \n\t")
    ),
    *((make_row(helpfulness=score), "helpfulness", BadReason.OUT_OF_RANGE) for score in (-1, 5, 10**30)),
    *(
        (make_row(helpfulness=value), "helpfulness", BadReason.NOT_AN_INTEGER)
        for value in (True, 3.0, 2.5, "3", [3], {}, float("nan"), float("inf"))
    ),
    (make_row(response="half \ud83d of it"), "response", BadReason.NOT_UNICODE),
    *((value, "", BadReason.NOT_AN_OBJECT) for value in ([1], "text", 3, None, True)),
    *((line, "", BadReason.NOT_JSON) for line in (b"{", b"nonsense", b"{'a': 1}", _text()[:-9], _text() + _text())),
    pytest.param(b"[" * 200_000, "", BadReason.NOT_JSON, id="nested without end"),
    pytest.param(b"9" * 10_000, "", BadReason.NOT_JSON, id="number without end"),
    (_text(response="caf~").replace(b"~", b"\xe9"), "", BadReason.NOT_UTF8),
    (_text().decode().encode("utf-16"), "", BadReason.NOT_UTF8),
    *(pytest.param(make_row(prompt=text), "prompt", BadReason.BAD_TURNS, id=name) for name, text in TURNS.items()),
]


@pytest.mark.parametrize(("bad", "field", "reason"), CASES)
def test_stop_names_file_line_field_and_reason_and_skip_lists_them(tmp_path, run, bad, field, reason):
    path = write_jsonl(tmp_path / "in.jsonl", [*make_rows(10), bad, *make_rows(10, "other")])
    with pytest.raises(BadRowError, match="on_bad_row=skip") as caught:
        run(path)
    error = caught.value
    assert (error.file, error.line, error.field, error.reason) == (str(path), 21, field, reason)
    assert f"{path}, line 21: {field}" in str(error)
    assert not (tmp_path / "out").exists()
    assert listing(tmp_path) == ["in.jsonl"]

    prepared = run(path, on_bad_row="skip")
    assert prepared.manifest["bad_rows"] == {"count": 1, "by_reason": {reason.value: 1}, "file": "bad_rows.jsonl"}
    (listed,) = (tmp_path / "out" / "bad_rows.jsonl").read_text().splitlines()
    listed = json.loads(listed)
    assert (listed["file"], listed["line"], listed["field"], listed["reason"]) == ("in.jsonl", 21, field, reason.value)
    assert len(read_rows(prepared.train)) + len(read_rows(prepared.validation)) == 40


def test_a_line_without_end_is_one_broken_row(tmp_path, run, monkeypatch):
    monkeypatch.setattr(base, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr("rm_train.data.sources.jsonl.MAX_LINE_BYTES", 1000)
    rows = [*make_rows(10), make_row(response="long " * 100_000), *make_rows(10, "other")]
    prepared = run(write_jsonl(tmp_path / "in.jsonl", rows), on_bad_row="skip")
    assert prepared.manifest["bad_rows"]["by_reason"] == {BadReason.TOO_LONG.value: 1}
    assert [json.loads(line)["line"] for line in (tmp_path / "out" / "bad_rows.jsonl").open()] == [21]
    assert len(read_rows(prepared.train)) + len(read_rows(prepared.validation)) == 40


def test_fields_that_are_not_used_are_not_checked(tmp_path, run):
    rows = [{**row, "verbosity": 9, "unknown": [None]} for row in make_rows(20)]
    path = write_jsonl(tmp_path / "in.jsonl", rows)
    assert run(path).manifest["bad_rows"]["count"] == 0
    with pytest.raises(BadRowError, match="verbosity: should be within 0 to 4, is 9"):
        run(path, attribute="verbosity")


def test_only_broken_rows_is_an_error_even_when_they_are_skipped(tmp_path, run):
    path = write_jsonl(tmp_path / "in.jsonl", [b"{"] * 7)
    with pytest.raises(PrepareError, match=r"all 7 rows are broken, the first one: .*in\.jsonl, line 1"):
        run(path, on_bad_row="skip")
    assert listing(tmp_path) == ["in.jsonl"]


def test_broken_rows_are_counted_by_reason_over_both_files(tmp_path, run):
    write_jsonl(tmp_path / "in" / "train.jsonl", [*make_rows(5), b"{", make_row(helpfulness=7), b"}"])
    write_jsonl(tmp_path / "in" / "validation.jsonl", [make_row(helpfulness=8), *make_rows(3, "held out")])
    prepared = run(tmp_path / "in", on_bad_row="skip")
    assert prepared.manifest["bad_rows"]["by_reason"] == {"not JSON": 2, "out of range": 2}
    listed = [json.loads(line) for line in (tmp_path / "out" / "bad_rows.jsonl").open()]
    assert [(row["file"], row["line"]) for row in listed] == [
        ("validation.jsonl", 1),
        ("train.jsonl", 11),
        ("train.jsonl", 12),
        ("train.jsonl", 13),
    ]
