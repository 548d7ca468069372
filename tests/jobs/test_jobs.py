"""Jobs on a real cluster: submitted, watched, stopped, gone on with; and no secret in anything that is kept."""

import json
import re
import signal
import time
from pathlib import Path

import pytest
from jobs_cluster import FAILING, SECRET, JobsCluster
from loopback import line_to

COUNTS = "import time\nfor number in range({}):\n    print('line', number)\n    time.sleep(0.1)"
SAVES = """
import signal, sys, time
def save(*_):
    time.sleep(1)
    print('saved')
    sys.exit(130)
signal.signal(signal.SIGTERM, save)
print('up')
time.sleep(600)
"""


@pytest.fixture(scope="module")
def failed(cluster: JobsCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that was submitted and followed to its end, which is a failure; what the command said."""
    mine = tmp_path_factory.mktemp("include") / "my_rewards.py"
    mine.write_text("MINE = 1\n")
    done = cluster.run("submit", *FAILING, cluster.runs, "--name", "judge", "--follow", "--include", mine,
                       "--secret", "CANARY_API_KEY", "--secret", "ABSENT_KEY")  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "submitted judge" in done.stderr and done.stderr.rstrip().endswith("judge: FAILED")
    return done.stdout


def test_following_shows_the_log_and_ends_as_the_job_does(failed: str) -> None:
    assert failed.count("Running entrypoint for job judge") == 1
    assert "chosen: hardware=cpu" in failed
    assert "there is no file or folder /nowhere/ratings.jsonl" in failed


def test_a_secret_that_the_node_lacks_is_named(failed: str) -> None:
    assert "ABSENT_KEY: is not in the environment of" in failed
    assert "CANARY_API_KEY: is not" not in failed


def test_the_status_says_why_it_failed(cluster: JobsCluster, failed: str) -> None:
    said = cluster.run("jobs", "status", "judge").stdout
    assert said.startswith("judge: FAILED, began 20")
    assert f"run: pointwise {' '.join(FAILING[1:])}" in said
    assert "failed: 2 problems:\n- dataset_path: there is no file" in said
    assert "rm-train jobs resume judge" in said
    told = json.loads(cluster.run("jobs", "status", "judge", "--json").stdout)
    assert told["status"] == "FAILED" and told["failed"].startswith("2 problems") and told["step"] == 0


def test_the_end_of_a_log(cluster: JobsCluster, failed: str) -> None:
    last = failed.rstrip("\n").splitlines()[-2:]
    assert cluster.run("jobs", "logs", "judge", "--tail", 2).stdout.splitlines() == last


def test_the_list_has_ours_and_others(cluster: JobsCluster, failed: str) -> None:
    name = cluster.any_job("print('done')")
    listed = {job["job"]: job for job in json.loads(cluster.run("jobs", "list", "--json").stdout)}
    assert listed["judge"]["task"].startswith("pointwise dataset=helpsteer2") and listed[name]["task"] == ""
    assert "judge" in cluster.run("jobs", "list").stdout


def test_what_the_user_includes_is_carried(cluster: JobsCluster, failed: str) -> None:
    packages = list(cluster.machine.home.rglob("runtime_resources/working_dir_files/*/my_rewards.py"))
    uri = cluster.ask("/api/jobs/judge")["runtime_env"]["working_dir"]
    assert uri.startswith("gcs://_ray_pkg_")
    assert all(path.read_text() == "MINE = 1\n" for path in packages)


def test_a_failed_job_goes_on_as_another(cluster: JobsCluster, failed: str) -> None:
    assert "there is a job judge already (FAILED)" in cluster.refused(
        "submit", *FAILING, cluster.runs, "--name", "judge"
    )
    resumed = cluster.run("jobs", "resume", "judge")
    assert resumed.returncode == 0, resumed.stderr
    assert "submitted judge-2" in resumed.stderr
    assert "judge-2 is " in cluster.refused("jobs", "resume", "judge")
    details = cluster.wait_for("judge-2", "FAILED")
    assert details["entrypoint"] == cluster.ask("/api/jobs/judge")["entrypoint"]
    assert "goes on with: judge\n" in cluster.run("jobs", "status", "judge-2").stdout


def test_no_secret_is_in_anything_that_is_kept(cluster: JobsCluster, failed: str) -> None:
    [secret] = SECRET.values()
    assert secret not in json.dumps(cluster.ask("/api/jobs/"))
    assert secret not in failed
    assert cluster.machine.says(secret) == []  # Ray's session logs and the runs are below


def test_a_job_of_others_cannot_be_gone_on_with(cluster: JobsCluster) -> None:
    name = cluster.any_job("print('done')")
    assert "was not submitted by `rm-train submit`" in cluster.refused("jobs", "resume", name)


def test_ctrl_c_ends_the_following_alone_and_stop_the_job(cluster: JobsCluster) -> None:
    name = cluster.any_job(COUNTS.format(600))
    following = cluster.start("jobs", "logs", "--follow", name)
    assert following.stdout is not None
    while "line 3" not in following.stdout.readline():
        assert following.poll() is None
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert following.returncode == 130
    assert "the job goes on" in err and f"rm-train jobs stop {name}" in err and "Traceback" not in err
    assert cluster.ask(f"/api/jobs/{name}")["status"] == "RUNNING"
    assert cluster.run("jobs", "stop", name).stdout == f"{name}: STOPPED\n"


def test_a_cut_connection_is_opened_anew_where_it_broke(cluster: JobsCluster) -> None:
    name = cluster.any_job(COUNTS.format(60))
    with line_to(cluster.dashboard) as line:
        following = cluster.start("jobs", "logs", "--follow", name, RAY_API_SERVER_ADDRESS=line.address)
        assert following.stdout is not None
        while (text := following.stdout.readline()) != "line 20\n":
            assert text, following.communicate()
        line.cut()
        rest = following.stdout.read()  # and not communicate(), which forgets what was read ahead
        _, err = following.communicate(timeout=300)
    assert following.returncode == 0, err
    assert re.findall(r"^line (\d+)$", rest, re.MULTILINE) == [str(number) for number in range(21, 60)]


def test_a_stop_waits_for_what_the_job_has_to_save(cluster: JobsCluster) -> None:
    name = cluster.any_job(SAVES)
    while "up" not in cluster.ask(f"/api/jobs/{name}/logs")["logs"]:
        time.sleep(0.1)
    done = cluster.run("jobs", "stop", name)
    assert done.stdout == f"{name}: STOPPED\n" and "finishes and saves the step at work" in done.stderr
    assert cluster.ask(f"/api/jobs/{name}/logs")["logs"].endswith("saved\n")


def test_a_stop_at_once_does_not_wait(cluster: JobsCluster) -> None:
    name = cluster.any_job("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)")
    assert cluster.run("jobs", "stop", "--now", name).stdout == f"{name}: STOPPED\n"
    assert "-end-" not in cluster.run("jobs", "list", "--json").stdout


def test_a_cluster_that_is_too_small_is_described(cluster: JobsCluster) -> None:
    said = cluster.refused("submit", "hardware=nodes", "base_model=qwen3_8b", cluster.runs)
    assert "the cluster is too small: trainer.nnodes: wants 2 x 8" in said
    assert "1 of 1 GPUs" in said and "--wait SECONDS" in said


def test_an_unknown_job(cluster: JobsCluster) -> None:
    assert "there is no job nobody at http" in cluster.refused("jobs", "status", "nobody")


def test_who_has_no_token_or_another_is_told_so(cluster: JobsCluster, tmp_path: Path) -> None:
    missing = cluster.refused("jobs", "list", HOME=str(tmp_path))
    assert "it wants a token: set RAY_AUTH_MODE=token" in missing and "there is none" in missing
    wrong = cluster.refused("jobs", "list", RAY_AUTH_TOKEN="f" * 64)
    assert "the token is wrong" in wrong and "f" * 64 not in wrong
