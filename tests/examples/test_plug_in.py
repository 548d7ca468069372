"""The examples of examples/plug_in: their configs compose with verl's, their rewards know good answers, they run."""

import asyncio
import importlib
import json
import os
import pickle
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import verl
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from verl.trainer.ppo.reward import get_custom_reward_fn

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.checks import check_config
from reward_fn.adapters.verl.scorer import scorer_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "plug_in"
ENDPOINT = FOLDER / "judge_endpoint.py"
PARTS = {
    "rules": ["score", "right", "form", "length"],
    "judge": ["score", "rubric/polite", "rubric/named", "rubric/brief"],
    "critic": ["score"],
    "routes": ["score", "counts/score", "chat/score", "chat/about", "chat/length", "chat/fresh"],
    "compare": ["score"],
}


@pytest.fixture(scope="module")
def example():
    """Imports a module of the examples, which stand by themselves."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def made(example, tmp_path_factory):
    """The examples' questions as files."""
    folder = tmp_path_factory.mktemp("made")
    make_data = example("make_data")
    for name in make_data.DATA_SOURCES:
        make_data.write_data(name, folder, random.Random(0))
    return folder


@pytest.fixture(scope="module")
def judge_url(example):
    """The played judge, in this process."""
    server = example("judge_endpoint").open_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def composed(made, judge_url, monkeypatch):
    """Composes an example's config as stock verl does."""
    # The reward file is named from there, as run.sh does.
    monkeypatch.chdir(ROOT)

    def compose_example(name):
        paths = f"hydra.searchpath=[file://{Path(verl.__file__).parent}/trainer/config,file://configs]"
        overrides = [
            paths,
            f"made={made}",
            "run_dir=run",
            *([f"judge_url={judge_url}"] if name in ("judge", "compare") else []),
        ]
        with initialize_config_dir(version_base=None, config_dir=str(FOLDER)):
            config = compose(name, overrides)
        OmegaConf.resolve(config)
        return config

    return compose_example


def rows_of(config, split):
    files = config.data[f"{split}_files"]
    files = [files] if isinstance(files, str) else files
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def scores(config, answers):
    """Score pairs of a row and an answer with a config's reward."""
    scorer = scorer_of(config.reward.custom_reward_function.reward_kwargs)

    async def score_all():
        found = (
            Row(row["data_source"], answer, row["reward_model"]["ground_truth"], row["extra_info"], row["prompt"])
            for row, answer in answers
        )
        return await asyncio.gather(*(scorer.score(row) for row in found))

    return [scored.numbers for scored in asyncio.run(score_all())]


@pytest.mark.parametrize("name", [name for name in PARTS if name != "compare"])
def test_a_good_answer_is_worth_more_than_none_and_than_another_s(composed, name):
    config = composed(name)
    rows = rows_of(config, "train")[::7] + rows_of(config, "val")[::7]
    good = scores(config, [(row, row["extra_info"]["answer"]) for row in rows])
    empty = scores(config, [(row, "") for row in rows])
    others = scores(config, [(row, "Obviously. It is pink. So they say. So they say. So they say.") for row in rows])
    assert not any(one["failed"] for one in (*good, *empty, *others))
    assert all(one["score"] == pytest.approx(1) for one in good)
    assert all(one["score"] <= 0.75 for one in (*empty, *others))


def test_good_answers_win_the_tournament(composed):
    config = composed("compare")
    scorer = scorer_of(config.reward.custom_reward_function.reward_kwargs)
    for row in rows_of(config, "train")[::40]:
        answers = [row["extra_info"]["answer"], "Obviously. So they say. It may rain today. I like to talk.", ""]
        group = [Row(row["data_source"], answer, None, row["extra_info"], row["prompt"]) for answer in answers]
        first, second, third = (result.score for result in asyncio.run(scorer.compare(group)))
        assert first == 1 > second and first > third


@pytest.mark.parametrize("name", PARTS)
def test_a_config_is_verl_s_with_the_plug_in(composed, name):
    config = composed(name)
    scorer = scorer_of(config.reward.custom_reward_function.reward_kwargs)
    check_config(config, scorer.settings)
    told = {part.removeprefix("counts/").removeprefix("chat/") for part in PARTS[name]}
    assert told <= {"score", *scorer.parts}
    assert config.trainer.use_v1
    assert config.algorithm.adv_estimator == ("gae" if name == "critic" else "grpo")
    assert config.trainer.v1.sampler.custom_sampler.name == "MetricsReplayBuffer"
    assert config.reward.reward_manager.name == "GalleryRewardManager"
    # Both go to verl's reward workers.
    function, copied = pickle.loads(pickle.dumps((get_custom_reward_fn(config), config)))
    assert asyncio.iscoroutinefunction(function) and copied == config


def test_the_docs_show_the_configs(composed):
    text = (ROOT / "docs" / "plug_in.md").read_text(encoding="utf-8")
    common, *rewards = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert common == yaml.safe_load((FOLDER / "plug_in.yaml").read_text())
    mix = yaml.safe_load((FOLDER / "three_rules.yaml").read_text())
    shown = [OmegaConf.to_container(composed(name).reward.custom_reward_function.reward_kwargs) for name in PARTS]
    for of_judge in (shown[1]["llm"], shown[4]["of"]["llm"]):
        of_judge["base_url"] = yaml.safe_load((FOLDER / "judge.yaml").read_text())["judge_url"]
    assert rewards == [shown[0], mix, *shown[1:]]


def test_the_sloppy_assistant_does_everything_at_times(example):
    made_up = example("questions")
    rng = random.Random(0)
    for source in ("colors", "counts", "chat"):
        questions = made_up.questions(source)
        assert len({question.text for question in questions}) == len(questions)
        answers = [made_up.sloppy_answer(question, rng) for question in rng.choices(questions, k=500)]
        assert len(set(answers)) > 100
        if source == "colors":
            for habit in (*made_up.POLITE, *made_up.RUDE, "Answer: ", "Let me think."):
                assert 0.02 < sum(habit in answer for answer in answers) / 500 < 0.5


def test_the_played_judge_refuses_what_it_does_not_know(composed, judge_url):
    config = composed("judge")
    kwargs = OmegaConf.to_container(config.reward.custom_reward_function.reward_kwargs)
    kwargs["criteria"]["funny"] = {"text": "Is it funny?"}
    row = rows_of(config, "train")[0]
    config.reward.custom_reward_function.reward_kwargs = kwargs | {"on_failure": {"constant": 0}}
    (numbers,) = scores(config, [(row, "Ha.")])
    assert numbers["failed"] == 1


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, ENDPOINT, "--port", str(port), "--while", str(os.getpid())], capture_output=True, text=True
        )
    assert ended.returncode == 1
    assert f"cannot have port {port}" in ended.stderr and "JUDGE_PORT" in ended.stderr


def test_the_played_judge_ends_with_what_it_serves():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    served = subprocess.Popen(["sleep", "600"])
    subprocess.run([sys.executable, ENDPOINT, "--port", str(port), "--while", str(served.pid)], check=True, timeout=60)
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    served.kill()  # and not waited for, as by a parent that is busy
    assert within(10, lambda: refused(port))
    served.wait()


def refused(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return met


def test_an_unknown_example_is_answered_with_the_known():
    ended = subprocess.run([FOLDER / "run.sh", "rule"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "rules|judge|critic|routes|compare" in ended.stderr


@pytest.fixture
def run(tmp_path):
    """Starts an example for a few steps; afterwards, nothing that it started may be there."""
    mark = uuid.uuid4().hex
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = []

    def start(name, *overrides):
        environment = {"PLUG_IN_TEST": mark, "PYTHON": sys.executable, "RUN_DIR": str(tmp_path / "it's a run")}
        settings = [*overrides, "trainer.val_before_train=false", "trainer.test_freq=-1"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [FOLDER / "run.sh", name, *settings],
                env={**os.environ, **environment, "JUDGE_PORT": str(port)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process, tmp_path / "it's a run"

    def left():
        found = [(process.info["environ"] or {}).get("PLUG_IN_TEST") for process in psutil.process_iter(["environ"])]
        return found.count(mark)

    yield start
    assert started[0].poll() is not None
    assert within(20, lambda: not left()), f"{left()} processes are left"


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_an_example_trains_and_its_parts_are_logged(run, tmp_path, name):
    process, folder = run(name, "steps=2")
    assert process.wait(500) == 0, (tmp_path / "log").read_text()[-3000:]
    *_, last = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert last["step"] == 2
    wanted = {f"reward/{part}/mean" for part in PARTS[name]}
    assert wanted <= last["data"].keys()
    assert last["data"]["reward/failed/mean"] == 0
    (logged,) = (folder / "tensorboard").iterdir()
    events = EventAccumulator(str(logged))
    events.Reload()
    assert wanted <= set(events.Tags()["scalars"])


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_example_that_is_stopped_leaves_nothing(run, sent):
    process, folder = run("judge", "steps=1000")
    metrics = folder / "metrics.jsonl"
    assert within(300, lambda: metrics.exists() and metrics.stat().st_size)
    process.send_signal(sent)
    assert process.wait(60) != 0
