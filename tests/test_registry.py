"""Rewards by name: ours, registered ones, and those of other packages."""

import subprocess
import sys

import pytest

from reward_fn.base import BasePointWiseReward, BaseReward
from reward_fn.gallery import GALLERY
from reward_fn.registry import RewardRegistry, UnknownRewardError


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Forget what a test registers."""
    monkeypatch.setattr(RewardRegistry, "_registered", {})


def package(folder, monkeypatch, name, points):
    """Install a package that offers rewards."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = "".join(f"{reward} = {place}\n" for reward, place in points.items())
    (info / "entry_points.txt").write_text(f"[reward_fn.rewards]\n{lines}")
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("name", GALLERY)
def test_every_name_of_the_gallery_leads_to_a_reward_that_describes_itself(name):
    reward = RewardRegistry.get(name)
    assert issubclass(reward, BaseReward)
    assert reward.model_fields["name"].default == name
    assert reward.__doc__ and reward.formula and reward.cost in ("cheap", "heavy", "process", "llm", "model", "parts")
    assert all(field.description for key, field in reward.model_fields.items() if key != "name")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownRewardError, match="no reward is called 'lenght_penalty'; did you mean length_penalty"):
        RewardRegistry.get("lenght_penalty")
    with pytest.raises(UnknownRewardError, match=r"there are: .*accuracy"):
        RewardRegistry.get("zzzzzz")


def test_the_table_has_a_line_for_each_reward():
    lines, version = RewardRegistry.list().splitlines(), str(RewardRegistry.get("accuracy").version)
    assert len(lines) == 1 + len(RewardRegistry.names())
    assert any(line.split()[:4] == ["accuracy", "pointwise", version, "0"] for line in lines)


def test_a_name_is_given_once():
    @RewardRegistry.register("mine")
    class Mine(BasePointWiseReward):
        name: str = "mine"

    assert RewardRegistry.get("mine") is Mine
    assert RewardRegistry.register("mine")(Mine) is Mine
    with pytest.raises(ValueError, match="'mine' is there already"):
        RewardRegistry.register("mine")(type("Other", (Mine,), {}))


def test_rewards_of_other_packages_are_found(tmp_path, monkeypatch):
    (tmp_path / "their_rewards.py").write_text(
        "from reward_fn.base import BasePointWiseReward, BaseReward\n"
        "class Theirs(BasePointWiseReward):\n    '''Measures theirs.'''\n    name: str = 'theirs'\n"
    )
    package(tmp_path, monkeypatch, "theirs", {"theirs": "their_rewards:Theirs"})
    assert "theirs" in RewardRegistry.names()
    assert RewardRegistry.get("theirs")().name == "theirs"
    assert "Measures theirs" in RewardRegistry.list()


def test_two_packages_with_one_name_are_refused(tmp_path, monkeypatch):
    package(tmp_path / "a", monkeypatch, "one", {"accuracy": "one:Accuracy"})
    with pytest.raises(ValueError, match="several rewards are called 'accuracy': one:Accuracy, reward_fn"):
        RewardRegistry.get("accuracy")


def test_a_class_is_known_by_its_place(tmp_path, monkeypatch):
    (tmp_path / "my_rewards.py").write_text(
        "from reward_fn.base import BasePointWiseReward\n\n"
        "class Mine(BasePointWiseReward):\n    name: str = 'mine'\n\nx = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert RewardRegistry.get("my_rewards:Mine")().name == "mine"
    for place, said in (("my_rewards:Yours", "no reward at .*'Yours'"), ("no_such:Mine", "No module named 'no_such'"),
                        ("my_rewards:x", "'my_rewards:x' is no reward")):  # fmt: skip
        with pytest.raises(UnknownRewardError, match=said):
            RewardRegistry.get(place)


def test_names_and_imports_are_light():
    code = (
        "import sys, reward_fn, reward_fn.registry\n"
        "reward_fn.registry.RewardRegistry.names()\n"
        "print(*{'torch', 'ray', 'verl', 'transformers', 'numpy', 'rich', 'sacrebleu'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
