import asyncio
import json
import threading
import time

import pytest
from sandbox_runs import machine_isolates

from reward_fn.rules.code.execution import CodeExecutionReward, program
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

pytestmark = pytest.mark.skipif(not machine_isolates(), reason="this machine does not allow namespaces")

ADD = "```python\ndef add(a, b):\n    return a + b\n```"
ASSERTS = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"]


def sample_of(answer, tests):
    return DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": tests}))])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("x = 1", "x = 1"),
        ("First:\n```python\nx = 1\n```\nBetter:\n```py\nx = 2\n```\nAs output:\n```text\n2\n```", "x = 2\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```java\nint x;\n```", ""),
    ],
)
def test_the_program_is_the_last_block_of_python(answer, code):
    assert program(answer) == code


@pytest.mark.parametrize(
    ("answer", "tests", "score"),
    [
        (ADD, ASSERTS, 1.0),
        (ADD, "\n".join(ASSERTS), 1.0),
        (ADD, [*ASSERTS, "assert add(1, 1) == 3"], 0.0),
        (ADD, {"asserts": ["assert add(x, 1) == 3"], "setup": "x = 2"}, 1.0),
        (ADD, {"inputs": [], "outputs": [], "assert_case": ASSERTS}, 1.0),
        (ADD, {"test": "def check(candidate):\n    assert candidate(1, 2) == 3", "entry_point": "add"}, 1.0),
        (ADD, {"test": "def check(candidate):\n    assert candidate(1, 2) == 4", "entry_point": "add"}, 0.0),
        (ADD, "def check(f):\n    assert f(1, 2) == 3\ncheck(add)", 1.0),
        (ADD, "for i in range(3):\n    assert add(i, 1) == i", 0.0),
        (ADD, "assert abs(add(0.1, 0.2) - 0.3) < 1e-9", 1.0),
        (ADD, {"inputs": ["1\n2", "[1]\n[2]"], "outputs": ["3", "[1, 2]"], "fn_name": "add"}, 1.0),
        (ADD, json.dumps({"inputs": [[1, 2]], "outputs": [[3]], "fn_name": "add"}), 1.0),
        (ADD, {"inputs": [[0.1, 0.2]], "outputs": [0.3], "fn_name": "add"}, 1.0),
        (ADD, {"inputs": ["1\n2"], "outputs": ["4"], "fn_name": "add"}, 0.0),
        (ADD, {"inputs": ["1\n2"], "outputs": ["3"], "fn_name": "subtract"}, 0.0),
        ("class Solution:\n def f(self, a: List[int]): return tuple(a)",
         {"inputs": ["[1]"], "outputs": ["[1]"], "fn_name": "f"}, 1.0),
        ("print(sum(map(int, input().split())))", {"inputs": ["1 2\n", "3 4"], "outputs": ["3\n", "7"]}, 1.0),
        ("print(sum(map(int, input().split())))", {"inputs": [["1 2"]], "outputs": [["3"]]}, 1.0),
        ("print(1 / 3)\nprint('YES  ')", {"inputs": [""], "outputs": ["0.333333333\nYES"]}, 1.0),
        ("print('1 2')", {"inputs": [""], "outputs": ["1\n2"]}, 0.0),
        ("print(10**20 + 1)", {"inputs": [""], "outputs": [str(10**20)]}, 0.0),
        ("import sys\nprint(3)\nsys.exit(1)", {"inputs": [""], "outputs": ["3"]}, 0.0),
        (f"<think>\n{ADD}\n</think>\nIt is unsolvable.", ASSERTS, 0.0),
        (f"<think>```python\nx = 1\n```</think>\n{ADD}", ASSERTS, 1.0),
        ("```python\nprint('</think>')\nprint(2)\n```", {"inputs": [""], "outputs": ["</think>\n2"]}, 1.0),
        ("print('</think>')\nprint(2)", {"inputs": [""], "outputs": ["</think>\n2"]}, 1.0),
        ("", ASSERTS, 0.0),
        ("I cannot do that.", ASSERTS, 0.0),
    ],
)  # fmt: skip
def test_every_form_of_tests_gives_the_right_score(answer, tests, score):
    (result,) = CodeExecutionReward().score(sample_of(answer, tests))
    assert result.failure is None
    assert result.score == score, result.details[0].reason


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        (None, "no inputs_outputs and no reference"),
        (5, "the tests are int"),
        ("assert add(", "not Python"),
        ("x = 1", "assert nothing"),
        ("def check(f):\n    assert f(1, 2) == 3", "assert nothing"),
        ("", "assert nothing"),
        ([], "no tests"),
        ([1], "an assertion is int"),
        ("{not json", "look like JSON"),
        ({"inputs": ["1"]}, "the keys ['inputs']"),
        ({"inputs": ["1"], "outputs": []}, "1 inputs and 0 outputs"),
        ({"inputs": "1", "outputs": "1"}, "inputs is str"),
        ({"inputs": ["x y"], "outputs": ["1"], "fn_name": "f"}, "not JSON"),
        ({"inputs": [5], "outputs": ["1"], "fn_name": "f"}, "the input of a function is int"),
        ({"inputs": [[object()]], "outputs": ["1"], "fn_name": "f"}, "a object is not a plain value"),
        ("[" * 100_000, "look like JSON"),
        (f"assert f(1) == {'+'.join('1' * 400)}", "not Python"),
    ],
)
def test_tests_of_another_form_are_bad_input_that_names_the_row(tests, told):
    sample = sample_of(ADD, tests).changed(unique_id="17", source="tasks")
    (result,) = CodeExecutionReward().score(sample)
    assert result.failure.kind is FailureKind.BAD_INPUT
    assert result.failure.detail.startswith("row 17 of tasks: ") and told in result.failure.detail


@pytest.mark.parametrize(
    "body",
    [
        "return {b'a': 1}",
        "return {1j: 1}",
        "return {(b'a',): 1}",
        "return {10**5000: 1}",
        "return {(1,): {b'x'}}",
        "import os; os.write(3, b'{\"complex\": [1%s, 0]}\\n' % (b'0' * 400)); os._exit(0)",
        "import os; os.write(3, b'{\"dict\": [[%s, 1]]}\\n' % (b'[' * 400 + b']' * 400)); os._exit(0)",
        "import os; os.write(3, b'[' * 100000 + b'\\n'); os._exit(0)",
    ],
)
@pytest.mark.parametrize("right", ["1", "[1]", '{"a": 1}', 10**400, "1" + "0" * 400 + ".5"])
def test_a_value_that_cannot_be_compared_is_not_the_right_one(body, right):
    tests = {"inputs": ["1"], "outputs": [right], "fn_name": "f"}
    (result,) = CodeExecutionReward().score(sample_of(f"def f(x):\n    {body}", tests))
    assert result.failure is None, result.failure
    assert result.score == 0.0


@pytest.mark.parametrize(
    "answer", ["\x00", "\ud800", "<think>", "```python\n```", "(" * 3000, "print('\ud800')", "\u202e"]
)
def test_any_response_is_a_score(answer):
    (result,) = CodeExecutionReward(partial_credit=True).score(sample_of(answer, ASSERTS))
    assert result.failure is None
    assert result.score == 0.0


def test_a_decimal_is_compared_with_an_integer_beyond_decimals():
    tests = {"inputs": ["1"], "outputs": [10**400], "fn_name": "f"}
    assert CodeExecutionReward().score(sample_of("def f(x): return 1.5", tests))[0].score == 0.0
    assert CodeExecutionReward().score(sample_of("def f(x): return 10**400", tests))[0].score == 1.0


def test_tests_stand_in_the_label_or_in_the_metadata():
    tests = {"asserts": ASSERTS}
    in_metadata = DataSample(output=[DataOutput(answer=Step(content=ADD))], metadata={"inputs_outputs": tests})
    in_label = DataSample(output=[DataOutput(answer=Step(content=ADD, label={"inputs_outputs": tests}))])
    assert [CodeExecutionReward().score(sample)[0].score for sample in (in_metadata, in_label)] == [1.0, 1.0]


def test_every_test_counts_and_partial_credit_is_their_share():
    tests = {"inputs": [str(i) for i in range(12)], "outputs": [str(i) for i in range(12)]}
    answer = "x = int(input())\nprint(x if x < 10 else 0)"
    assert CodeExecutionReward().score(sample_of(answer, tests))[0].score == 0.0
    (result,) = CodeExecutionReward(partial_credit=True).score(sample_of(answer, tests))
    assert result.score == 10 / 12
    assert "case 11" in result.details[0].reason
    assert result.extra_data == {"passed": 10, "tests": 12}


def test_assertions_in_one_text_see_what_those_before_them_did():
    answer = "items = []\ndef push(x):\n    items.append(x)\n    return len(items)"
    (result,) = CodeExecutionReward().score(sample_of(answer, "assert push(1) == 1\nassert push(1) == 2"))
    assert result.score == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "class Any:\n    def __eq__(self, other): return True\ndef add(a, b): return Any()",
        "import os\ndef add(a, b): os._exit(0)",
        "import sys\nsys.exit(0)",
        "import os\nos.write(3, b'true\\ntrue\\n')\nos._exit(0)",
        "class Number(int):\n    def __eq__(self, other): return True\ndef add(a, b): return Number(7)",
        "import builtins\nbuiltins.AssertionError = None\ndef add(a, b): return None",
        "from reward_fn.rules.code.sandbox import driver, values\nvalues.dumps = driver.dumps = lambda x: 'true'\n"
        "def add(a, b): return 7",
        "import gc\ndef add(a, b):\n    found = [x for x in gc.get_objects() if type(x).__name__ == 'AssertsCase']\n"
        "    return found[0].right[0]",
    ],
)
def test_a_program_that_cheats_does_not_pass(answer):
    (result,) = CodeExecutionReward(partial_credit=True).score(sample_of(answer, ASSERTS))
    assert result.score == 0.0


def test_a_program_that_hangs_fails_its_case_and_the_others_go_on():
    tests = {"inputs": ["0", "1", "2"], "outputs": ["0", "1", "2"]}
    answer = "x = int(input())\nwhile x == 1: pass\nprint(x)"
    began = time.monotonic()
    (result,) = CodeExecutionReward(partial_credit=True, timeout_s=1).score(sample_of(answer, tests))
    assert result.score == 2 / 3
    assert "case 2: timeout" in result.details[0].reason
    assert time.monotonic() - began < 20


def test_the_same_from_a_thread_an_event_loop_and_a_batch():
    reward, samples = CodeExecutionReward(), [sample_of(ADD, [f"assert add({i}, 1) == {i | 1}"]) for i in range(20)]
    wanted = [float(i % 2 == 0) for i in range(20)]
    seen = {}

    def in_thread():
        seen["thread"] = [reward.score(sample)[0].score for sample in samples]

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()

    async def in_loop():
        return [reward.score(sample)[0].score for sample in samples[:5]], await reward.aevaluate_batch(samples)

    sync, together = asyncio.run(in_loop())
    assert seen["thread"] == wanted
    assert sync == wanted[:5]
    for batch in (together, reward.evaluate_batch(samples)):
        assert [sample.output[0].answer.reward.score for sample in batch] == wanted


def test_without_isolation_programs_run_where_the_user_says_so():
    (result,) = CodeExecutionReward(isolation="none").score(sample_of(ADD, ASSERTS))
    assert result.score == 1.0


def test_a_refused_sandbox_is_a_failure_that_says_what_to_do(monkeypatch):
    from reward_fn.rules.code import execution
    from reward_fn.rules.code.sandbox.namespaces import IsolationError

    class Refusing:
        def submit(self, *_, **__):
            from concurrent.futures import Future

            future = Future()
            future.set_exception(IsolationError("namespaces are not allowed here (Operation not permitted)"))
            return future

    monkeypatch.setattr(execution, "sandboxes", lambda *_: Refusing())
    (result,) = CodeExecutionReward().score(sample_of(ADD, ASSERTS))
    assert result.failure.kind is FailureKind.UNAVAILABLE
    assert "isolation='none'" in result.failure.detail
    assert "sandbox_url" in result.failure.detail


def test_installed_packages_are_there_if_they_are_allowed():
    answer = "import numpy\ndef add(a, b): return numpy.array([a]) + b"
    tests = {"inputs": [[1, 2]], "outputs": [[[3]]], "fn_name": "add"}
    assert CodeExecutionReward().score(sample_of(answer, tests))[0].score == 0.0
    assert CodeExecutionReward(site_packages=True).score(sample_of(answer, tests))[0].score == 1.0
