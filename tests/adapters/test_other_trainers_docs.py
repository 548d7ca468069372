"""What `docs/other_trainers.md` shows works as it stands there."""

import re
import sys
from pathlib import Path

import yaml

from reward_fn.loading import load_reward
from rm_train.cli import serve

PAGE = Path("docs/other_trainers.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_python_runs():
    trl, openrlhf = blocks("python")
    exec(compile(trl, "other_trainers.md", "exec"), {})
    names = {"__file__": str(Path("examples/rewards/reward.py").absolute())}
    exec(compile(openrlhf, "other_trainers.md", "exec"), names)
    reply = names["reward_func"](["1+1? none"], ["1+1? "], ["2"])
    assert {"reward/answer", "reward/failed"} <= reply["extra_logs"].keys()


def test_the_reward_in_yaml_is_one():
    (block,) = blocks("yaml")
    assert load_reward(yaml.safe_load(block) | {"python": sys.executable}).params == {"min_length": 20}


def test_the_servers_options_are_its_own():
    options = {option for parameter in serve.params for option in parameter.opts}
    (section,) = re.findall(r"## OpenRLHF: a server\n(.*?)\n## ", PAGE, re.DOTALL)
    said = set(re.findall(r"--[a-z][a-z._-]+", section)) - {"--reward.remote_url"}
    assert "--on-failure" in said
    assert said <= options
