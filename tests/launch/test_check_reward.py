"""`rm-train check-reward`: what is wrong with a reward in somebody's own verl run is listed before it starts."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from rm_train.cli import main

FUNCTION = "reward.custom_reward_function"
OURS = "pkg://reward_fn.adapters.verl"
MATH = f"+{FUNCTION}.reward_kwargs.reward=math_verify_reward"
SAMPLER = f"trainer.v1.sampler.custom_sampler={{path: '{OURS}', name: MetricsReplayBuffer}}"
MANAGER = f"reward.reward_manager={{source: importlib, name: GalleryRewardManager, module: {{path: '{OURS}'}}}}"


@pytest.fixture
def data(tmp_path):
    """Rows as verl's GSM8K example writes them."""
    rows = [
        {
            "data_source": "openai/gsm8k",
            "prompt": [{"role": "user", "content": f"What is {number} and {number}?"}],
            "reward_model": {"style": "rule", "ground_truth": str(2 * number)},
            "extra_info": {"index": number, "answer": f"It is {number}+{number}={2 * number}.\n#### {2 * number}"},
        }
        for number in range(8)
    ]
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return f"data.train_files={path}"


def check(*arguments):
    return CliRunner().invoke(main, ["check-reward", *arguments], env={"COLUMNS": "200"})


def test_a_right_config_is_shown_and_tried(data):
    done = check(data, f"{FUNCTION}.path={OURS}", MATH, SAMPLER, MANAGER)
    assert done.exit_code == 0, done.output
    for said in (
        *("math_verify_reward", "pointwise", "0 to 1", "manager: GalleryRewardManager\n", "on_failure: raise"),
        *("at most 50% of 256 may fail", "on_truncated: score", "what the reward pays, on 4 training rows"),
    ):
        assert said in done.output
    assert "warning" not in done.output


def test_routes_their_parts_and_policies_are_shown(data):
    kwargs = (
        "{routes: {openai/gsm8k: {reward: weighted_sum, parts: {answer: math_verify_reward, "
        "length: {reward: length_penalty}}}, default: string_match}, on_failure: {constant: -1}}"
    )
    done = check(data, f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs={kwargs}", SAMPLER)
    assert done.exit_code == 0, done.output
    assert "openai/gsm8k" in done.output and "answer, length" in done.output and "string_match" in done.output
    assert "on_failure: paid -1" in done.output
    assert "manager: naive of verl's, so that a reward is told no conversation" in done.output


def test_a_missing_sampler_is_a_warning(data):
    done = check(data, f"{FUNCTION}.path={OURS}", MATH)
    assert done.exit_code == 0
    assert (
        "warning: trainer.v1.sampler.custom_sampler.path: is null: failed rewards stay in their groups" in done.output
    )
    assert f"write trainer.v1.sampler.custom_sampler.path={OURS}" in done.output


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], [f"{FUNCTION}.path: is None, so the reward is none of reward_fn's; write {FUNCTION}.path={OURS}"]),
        ([f"{FUNCTION}.path=mine.py"], [f"{FUNCTION}.path: is mine.py"]),
        (["custom_reward_function.path=mine.py", "reward_model.reward_manager=dapo"],
         [f"- {FUNCTION}.path: is None", "- custom_reward_function.path: verl ignores this key",
          "- reward_model.reward_manager: verl ignores this key", "Error: 3 problems:"]),
        ([f"{FUNCTION}.path={OURS}"], [f"Error: {FUNCTION}.reward_kwargs: write one of reward, reward_file, routes"]),
        ([f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs.reward=math_verify"],
         [f"Error: {FUNCTION}.reward_kwargs.reward: no reward is called 'math_verify'; did you mean math_verify_rew"]),
        ([f"{FUNCTION}.path={OURS}", MATH, f"+{FUNCTION}.reward_kwargs.timeout=3"],
         [f"{FUNCTION}.reward_kwargs.timeout: there is no such field; did you mean timeout_s?"]),
        ([f"{FUNCTION}.path={OURS}", MATH, f"+{FUNCTION}.reward_kwargs.on_failure=retry"],
         [f"{FUNCTION}.reward_kwargs.on_failure: write one of raise, drop_group, group_mean or"]),
        ([f"{FUNCTION}.path={OURS}", MATH, f"+{FUNCTION}.reward_kwargs.on_failure=drop_group", "sandbox_fusion.url=x",
          "algorithm.adv_estimator=gdpo"],
         ["Error: 3 problems:", "- data.gen_batch_size: is not 1", "- sandbox_fusion.url: verl ignores this key",
          "- algorithm.adv_estimator: the V1 trainer carries one reward"]),
        ([f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs.reward_file=/no/mix.yaml"],
         [f"{FUNCTION}.reward_kwargs.reward_file: there is no file /no/mix.yaml; correct the path"]),
        (["data.train_file=x", "trainer.total_step=3"],
         ["data.train_file=x: there is no such key; did you mean data.train_files?", "trainer.total_step=3: there is"]),
        (["nonsense"], ["nonsense: this is not an override; write KEY=VALUE"]),
        (["-cn", "ppo"], ["there is no ppo.yaml in ", "correct the name"]),
        ([f"{FUNCTION}.path={OURS}", MATH, "data.train_files=/no/such.parquet"],
         ["data.train_files: there is no file /no/such.parquet; correct the path"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_listed_with_its_key_and_its_fix(overrides, said):
    done = check(*overrides)
    assert done.exit_code == 1
    for text in said:
        assert text in done.output
    assert "Traceback" not in done.output


def test_a_mistake_in_a_reward_file_is_named_with_the_file(data, tmp_path):
    path = tmp_path / "mix.yaml"
    path.write_text("reward: weighted_sum\nparts:\n  length: {reward: length_penalty, max_lenght: 3}\n")
    done = check(data, f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs.reward_file={path}")
    assert done.exit_code == 1
    assert f"Error: {path}: parts.length.max_lenght: there is no such field; did you mean max_length?" in done.output


def test_a_reward_that_pays_right_answers_no_more_is_refused(data):
    done = check(data, f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs.reward=length_penalty")
    assert done.exit_code == 1
    assert f"Error: {FUNCTION}.reward_kwargs: the right answer of another row is paid 0 on average" in done.output
    off = f"+{FUNCTION}.reward_kwargs.preflight=false"
    assert (
        check(data, f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs.reward=length_penalty", off).exit_code == 0
    )


@pytest.mark.parametrize(
    "options", [["--config-dir", "{folder}", "--config-name", "mine"], ["-cd", "{folder}", "-cn", "mine"]]
)
def test_a_config_of_ones_own_is_composed_as_verl_does_it(data, tmp_path, options):
    (tmp_path / "mine.yaml").write_text(
        "defaults:\n  - ppo_trainer\n  - which: math\n  - _self_\n"
        f"reward:\n  custom_reward_function:\n    path: {OURS}\n"
    )
    (tmp_path / "which").mkdir()
    (tmp_path / "which" / "math.yaml").write_text(
        "# @package _global_\nreward:\n  custom_reward_function:\n    reward_kwargs: {reward: math_verify_reward}\n"
    )
    done = check(*(option.format(folder=tmp_path) for option in options), data)
    assert done.exit_code == 0, done.output
    assert "what the reward pays" in done.output


def test_a_folder_of_choices_beside_verls_own_config(data, tmp_path):
    (tmp_path / "which").mkdir()
    (tmp_path / "which" / "math.yaml").write_text(
        f"# @package _global_\nreward:\n  custom_reward_function:\n    path: {OURS}\n"
        "    reward_kwargs: {reward: math_verify_reward}\n"
    )
    done = check("--config-dir", str(tmp_path), "+which=math", data)
    assert done.exit_code == 0, done.output


def test_a_search_path_of_ones_own_is_kept(data, tmp_path):
    for folder, line in (("a/which", "reward: math_verify_reward"), ("b/other", "name: found")):
        (tmp_path / folder).mkdir(parents=True)
        text = f"# @package _global_\nreward: {{custom_reward_function: {{reward_kwargs: {{{line}}}}}}}\n"
        (tmp_path / folder / "mine.yaml").write_text(text)
    search = f"hydra.searchpath=[file://{tmp_path}/b]"
    path = "reward.custom_reward_function.path=pkg://reward_fn.adapters.verl"
    done = check("--config-dir", str(tmp_path / "a"), search, path, "+which=mine", "+other=mine", data)
    assert done.exit_code == 0 and "found" in done.output, done.output
    wrong = check("hydra.searchpath=here", data)
    assert wrong.exit_code == 1 and "hydra.searchpath: is 'here'; write a list" in wrong.output


def test_a_config_that_does_not_compose_by_itself_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_text("defaults:\n  - ppo_trainer\n  - nowhere\n")
    done = check("-cd", str(tmp_path), "-cn", "mine", "trainer.nnodes=2")
    assert done.exit_code == 1
    assert "nowhere" in done.output and "Traceback" not in done.output


def test_neither_verl_nor_ray_nor_torch_is_imported(data):
    arguments = [data, f"{FUNCTION}.path={OURS}", MATH, SAMPLER]
    code = (
        "import sys\nfrom rm_train.cli import main\n"
        f"main(['check-reward', *{arguments!r}], standalone_mode=False)\n"
        "print('heavy:', *{'torch', 'ray', 'verl', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("heavy:")


def test_the_help_has_an_example_that_can_be_typed():
    done = check("--help")
    assert "rm-train check-reward data.train_files=gsm8k/train.parquet \\\n" in done.output
    assert "--config-dir" in done.output and "exit status is 1" in done.output


def test_what_a_policy_can_be_paid_for_without_being_right_is_a_warning(data):
    gold = f"+{FUNCTION}.reward_kwargs.preflight={{gold: ground_truth}}"
    match = [f"{FUNCTION}.path={OURS}", f"+{FUNCTION}.reward_kwargs.reward=string_match", gold, SAMPLER]
    good = check(data, *match)
    assert good.exit_code == 0 and "lint: string_match: no findings" in good.output and "warning" not in good.output
    done = check(data, *match, f"+{FUNCTION}.reward_kwargs.mode=contains")
    assert done.exit_code == 0, done.output
    assert "lint: string_match: " in done.output
    assert f"warning: {FUNCTION}.reward_kwargs: hackable: hedged is paid 1 (the gold: 1) on 4 of 4 rows" in done.output
    assert "rm-train lint-reward lists every response" in done.output


def test_wrong_responses_are_written_in_the_template_of_the_preflight(data):
    template = f"+{FUNCTION}.reward_kwargs.preflight={{gold: ground_truth, template: '<final>{{gold}}</final>'}}"
    reward = f"+{FUNCTION}.reward_kwargs.reward={{reward: string_match, mode: contains, read: 'tag:final'}}"
    done = check(data, f"{FUNCTION}.path={OURS}", reward, template, SAMPLER)
    assert done.exit_code == 0, done.output
    assert "such as row 0: '<final>not 0</final>'" in done.output


def test_rewards_that_ask_an_llm_are_not_linted_there(data, tmp_path, monkeypatch):
    (tmp_path / "judge_to_check.py").write_text(
        "from reward_fn.rules.text.match import StringMatchReward\nclass Judge(StringMatchReward):\n    cost = 'llm'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    gold = f"+{FUNCTION}.reward_kwargs.preflight={{gold: ground_truth}}"
    judge = f"+{FUNCTION}.reward_kwargs.reward='judge_to_check:Judge'"
    done = check(data, f"{FUNCTION}.path={OURS}", judge, gold, SAMPLER)
    assert done.exit_code == 0, done.output
    assert "the reward asks an LLM: rm-train lint-reward tries more than the preflight" in done.output
    assert "lint:" not in done.output
