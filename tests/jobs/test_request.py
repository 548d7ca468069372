"""What is asked for, what Ray keeps of it, and what is refused before anything is sent."""

import shlex

import pytest
from click.testing import CliRunner

from rm_train.cli import main
from rm_train.jobs.request import JobRequest, request_of

REQUEST = JobRequest(
    "judge", "pairwise", ("recipe=j1", "title=a b'c", "run_dir=/s/r"), ("WANDB_API_KEY",), ("/x/r.py",), 2
)


def refused(*words: str) -> str:
    result = CliRunner().invoke(main, ["submit", *words])
    assert result.exit_code == 1 and not isinstance(result.exception, TypeError), result.output
    return result.stderr


def test_the_metadata_keeps_the_whole_request() -> None:
    assert request_of(REQUEST.metadata) == REQUEST
    assert request_of({"job_name": "of another"}) is None and request_of(None) is None


def test_the_entrypoint_is_our_own_command_on_the_cluster_s_ray() -> None:
    words = shlex.split(REQUEST.entrypoint)
    assert words[:4] == ["python", "-m", "rm_train.cli", "train"]
    assert words[4:7] == ["--retries", "2", "pairwise"]
    assert words[7:] == ["recipe=j1", "title=a b'c", "run_dir=/s/r", "ray=existing", "ray_address=auto"]
    assert REQUEST.environment["RM_TRAIN_SECRETS"] == "WANDB_API_KEY"


def test_the_next_attempt_is_the_same_in_the_same_folder() -> None:
    later = REQUEST.next(3, "/s/other")
    assert (later.submission_id, later.after) == ("judge-4", "judge")
    assert later.overrides == ("recipe=j1", "title=a b'c", "run_dir=/s/other")
    assert REQUEST.next(1, None).overrides == REQUEST.overrides


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-x", "x" * 101])
def test_a_name_is_one_for_files_and_urls(name: str) -> None:
    with pytest.raises(ValueError, match="--name"):
        JobRequest(name, "pointwise", ())


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ((), "runs_dir: is runs"),
        (("runs_dir=../runs",), "runs_dir: is ../runs"),
        (("run_dir=here",), "run_dir: is here"),
        (("runs_dir=/s", "dataset=helpsteer2", "dataset_path=ratings.jsonl"), "dataset_path: is ratings.jsonl"),
        (("runs_dir=/s", "base_model=hf", "base_model_path=./model"), "base_model_path: is ./model"),
        (("runs_dir=/s", "ray=local"), "ray: is local"),
        (("runs_dir=/s", "ray_address=10.0.0.1:6379"), "ray_address: is 10.0.0.1:6379"),
        (("runs_dir=/s", "recipee=exact"), "did you mean recipe"),
        (("runs_dir=/s", "steps=none"), "steps: is 'none'"),
    ],
)
def test_what_cannot_work_on_a_cluster_is_refused_with_the_fix(given: tuple[str, ...], key: str) -> None:
    assert key in refused(*given)


def test_a_name_on_the_hub_is_no_path() -> None:
    given = ("runs_dir=/s", "dataset=helpsteer2", "dataset_path=nvidia/HelpSteer2", "--dry-run")
    result = CliRunner().invoke(main, ["submit", *given])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "override",
    [
        "++judge.api_key=0123456789",
        "++ray_kwargs.ray_init.runtime_env.env_vars.WANDB_API_KEY=0123456789",
        "++judge.headers=hf_0123456789abcdefghij",
        "++judge={api_key: 0123456789, model: x}",
        "++judge.key=${oc.env:JUDGE_KEY}",
        "++judge.base_url=https://me:0123456789@judge/v1",
    ],
)
def test_a_secret_is_refused_and_not_shown(override: str) -> None:
    said = refused("runs_dir=/s", override)
    assert "holds a secret" in said and "api_key_env=NAME" in said
    assert "0123456789" not in said


def test_the_value_in_place_of_a_secret_s_name_is_not_shown() -> None:
    said = refused("runs_dir=/s", "--secret", "sk-0123456789")
    assert "takes the name of an environment variable" in said and "0123456789" not in said


def test_a_dry_run_shows_what_would_go_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")
    result = CliRunner().invoke(main, ["submit", "runs_dir=/s", "--name", "judge", "--secret", "A_KEY", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "job: judge\n" in result.stdout and "runs_dir=/s ray=existing ray_address=auto\n" in result.stdout
    assert "RM_TRAIN_SECRETS=A_KEY" in result.stdout and "carries" in result.stdout
