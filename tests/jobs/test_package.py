"""What travels with a job: this code, its configs and its entry points, whatever else is installed there."""

import subprocess
import sys
from pathlib import Path

import pytest

import rm_train
from rm_train.jobs.client import JobError
from rm_train.jobs.package import staged
from rm_train.launch.config import configs_dir

LOOK = """
import rm_train, reward_fn, user_reward
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from rm_train.launch.config import configs_dir
print(rm_train.__file__, reward_fn.__file__, user_reward.WORD, configs_dir(), version("rm-train"))
[plugin] = [one for one in entry_points(group="verl.plugins") if one.name == "rm_train_cpu"]
print(find_spec(plugin.module).origin)
print(len(entry_points(group="reward_fn.rewards")))
"""


@pytest.fixture
def user_reward(tmp_path: Path) -> Path:
    path = tmp_path / "user_reward.py"
    path.write_text("WORD = 'mine'\n")
    return path


def test_code_configs_and_entry_points_travel_and_nothing_else(user_reward: Path) -> None:
    with staged([user_reward]) as folder:
        names = {path.name for path in folder.iterdir()}
        [metadata] = [name for name in names if name.endswith(".dist-info")]
        assert names == {"reward_fn", "rm_train", "user_reward.py", metadata}
        assert {path.name for path in (folder / metadata).iterdir()} == {"METADATA", "entry_points.txt"}
        configs = {path.relative_to(folder / "rm_train/configs") for path in folder.rglob("rm_train/configs/**/*.yaml")}
        assert configs == {path.relative_to(configs_dir()) for path in configs_dir().rglob("*.yaml")}
        mine, own = folder / "rm_train", Path(rm_train.__file__).parent
        assert {path.relative_to(mine) for path in mine.rglob("*.py")} == {
            path.relative_to(own) for path in own.rglob("*.py")
        }
        assert not list(folder.rglob("__pycache__"))
    assert not folder.exists()


def test_they_are_found_before_another_version_that_is_installed(user_reward: Path, tmp_path: Path) -> None:
    other = tmp_path / "site"
    (other / "rm_train").mkdir(parents=True)
    (other / "rm_train" / "__init__.py").write_text("raise ImportError('the other one')")
    (other / "rm_train-9.9.dist-info").mkdir()
    (other / "rm_train-9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: rm-train\nVersion: 9.9\n")
    (other / "rm_train-9.9.dist-info" / "entry_points.txt").write_text("[verl.plugins]\nrm_train_cpu = nothing.there\n")
    with staged([user_reward]) as folder:
        done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, cwd=tmp_path,
                              env={"PYTHONPATH": f"{folder}:{other}"})  # fmt: skip
        assert done.returncode == 0, done.stderr
        first, plugin, rewards = done.stdout.splitlines()
        files = first.split()
        assert files[0] == f"{folder}/rm_train/__init__.py" and files[1] == f"{folder}/reward_fn/__init__.py"
        assert files[2] == "mine" and files[3] == f"{folder}/rm_train/configs" and files[4] != "9.9"
        assert plugin == f"{folder}/rm_train/cpu/plugin.py"
        assert int(rewards) >= 10


def test_what_is_too_large_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.bin").write_bytes(bytes(3 * 2**20))
    monkeypatch.setattr("rm_train.jobs.package.LIMIT", 2**20)
    with (
        pytest.raises(JobError, match=rf"1 MiB are allowed \(--include {folder} has 3 MiB\).* on storage"),
        staged([folder]),
    ):
        pass


def test_an_include_must_be_there_and_must_not_hide_ours(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"--include nothing\.py: there is no such file"), staged([Path("nothing.py")]):
        pass
    (tmp_path / "rm_train").mkdir()
    with pytest.raises(JobError, match="a job has a rm_train already"), staged([tmp_path / "rm_train"]):
        pass
