"""What a node is asked, and what it sees: on this machine, in its own files."""

import os
import subprocess
import sys

import pytest

from rm_train.launch.checks.problem import ConfigError
from rm_train.launch.config import compose_config
from rm_train.launch.nodes.ask import cluster_nodes
from rm_train.launch.nodes.on_node.files import seen_files, seen_folders
from rm_train.launch.nodes.on_node.places import mark, remove, unseen
from rm_train.launch.nodes.on_node.software import code_digests
from rm_train.launch.nodes.question import question_of

BIG = 65 * 2**20


def question(*overrides, tmp_path):
    return question_of(compose_config("pointwise", [f"runs_dir={tmp_path}", *overrides]))


def test_files_that_the_config_names_are_asked_for_whatever_their_key(tmp_path, model):
    for name in ("mix.yaml", "reward.py", "a.parquet", "b.parquet"):
        (tmp_path / name).write_text("x")
    asked = question(
        *("base_model=hf", f"base_model_path={model}", f"reward.custom_reward_function.path={tmp_path}/reward.py"),
        f"+reward.custom_reward_function.reward_kwargs.reward_file={tmp_path}/mix.yaml",
        f"data.train_files=[{tmp_path}/a.parquet,{tmp_path}/b.parquet]",
        *("actor_rollout_ref.model.external_lib=our_models.heads", "data.custom_cls.path=pkg://ours.rows"),
        tmp_path=tmp_path,
    )
    assert asked["files"] == [f"{tmp_path}/{name}" for name in ("a.parquet", "b.parquet", "mix.yaml", "reward.py")]
    assert asked["folders"] == [str(model)]
    assert asked["code"] == ["our_models", "ours", "reward_fn", "rm_train"]
    assert asked["places"] == {"run_dir": str(tmp_path)}  # what there is of it
    assert not asked["gpus"] and "vllm" not in asked["packages"]


def test_gpus_need_packages_of_their_own(tmp_path):
    asked = question("hardware=gpu8", tmp_path=tmp_path)
    assert asked["gpus"] and asked["packages"][-2:] == ["vllm", "flash_attn"]


def test_checkpoints_elsewhere_are_a_place_of_their_own(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    asked = question(f"trainer.default_local_dir={tmp_path}/elsewhere/checkpoints", tmp_path=tmp_path)
    assert asked["places"] == {"run_dir": str(tmp_path), "trainer.default_local_dir": f"{tmp_path}/elsewhere"}


def test_a_file_is_known_by_its_content_and_a_large_one_by_its_ends(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_bytes(b"content")
    seen = seen_files([str(one), str(other), f"{tmp_path}/none"])
    assert seen[str(one)] == seen[str(other)]
    assert seen[str(one)].startswith("7 bytes, ")
    assert seen[f"{tmp_path}/none"] == "unreadable (No such file or directory)"
    with one.open("r+b") as file:
        file.truncate(BIG)
    before = seen_files([str(one)])
    with one.open("r+b") as file:
        file.seek(BIG // 2)
        file.write(b"x")
    assert seen_files([str(one)]) == before  # not read there
    with one.open("r+b") as file:
        file.seek(BIG - 1)
        file.write(b"x")
    assert seen_files([str(one)]) != before


def test_of_a_model_folder_only_what_a_model_is_made_of_is_looked_at(tmp_path, model):
    (model / "README.md").write_text("words")
    names = {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}
    assert seen_folders([str(model)])[str(model)].keys() == names
    assert seen_folders([f"{tmp_path}/none"]) == {f"{tmp_path}/none": {}}


def test_code_is_known_by_all_of_its_files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_rewards" / "deep").mkdir(parents=True)
    file = tmp_path / "some_rewards" / "deep" / "rule.py"
    (tmp_path / "some_rewards" / "__init__.py").touch()
    file.write_text("x = 1")
    before = code_digests(["some_rewards", "no_such_package"])
    assert before["some_rewards"] and before["no_such_package"] is None
    file.write_text("x = 2")
    assert code_digests(["some_rewards"])["some_rewards"] != before["some_rewards"]


def test_marks_are_left_found_and_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr("rm_train.launch.nodes.on_node.places._PATIENCE_S", 0.0)
    places = {"run_dir": str(tmp_path)}
    assert mark(places, ".one", shared=True)["run_dir"]["error"] is None
    assert unseen(places, [".one", ".two"]) == {"run_dir": [".two"]}
    remove(places, ".one")
    remove(places, ".two")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_or_is_not_there_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    for path, said in (
        (f"{tmp_path}/none", f"there is no folder {tmp_path}/none"),
        ("/proc", "/proc cannot be written"),
    ):
        assert mark({"run_dir": path}, ".one", shared=True)["run_dir"]["error"].startswith(said)
    # A folder that each node makes for itself only needs one above it that can be written.
    assert mark({"run_dir": f"{tmp_path}/none"}, ".one", shared=False)["run_dir"]["error"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_travels_to_a_node_imports_nothing_but_the_standard_library():
    code = (
        "import sys; before = set(sys.modules)\n"
        "from rm_train.launch.nodes.on_node import look\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names - {'rm_train'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "nothing answers at 127.0.0.1:1"),
        ("somewhere", "somewhere is no address"),
        ("h:x", "no address"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_with_the_fix(address, said):
    with pytest.raises(ConfigError, match=f"ray_address: .*{said}.*; call this on a node of the cluster, or write"):
        cluster_nodes(address)


def test_a_cluster_that_is_silent_is_told(tmp_path):
    import socket

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ConfigError, match=r"no answer from the cluster at 127.* in 0\.5 s"),
    ):
        cluster_nodes(f"127.0.0.1:{server.getsockname()[1]}", join_s=0.5)
