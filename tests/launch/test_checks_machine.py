"""What a machine or a cluster cannot give is named before a run starts."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec

import psutil
import pytest
from packaging.requirements import Requirement

from rm_train.launch.checks import ConfigError
from rm_train.launch.checks.disk import checkpoint_bytes
from rm_train.launch.checks.verl_keys import verl_folder
from rm_train.launch.checks.versions import clashes, compare
from rm_train.launch.config import compose_config

GPUS = [
    *("trainer.device=cuda", "trainer.n_gpus_per_node=8"),
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def no_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    return address


def test_gpus_that_are_not_there_are_an_error(check, no_gpus):
    found = check(*GPUS)
    assert str(found) == ("error: trainer.n_gpus_per_node: wants 8 GPUs on this node, found 0 GPUs; use hardware=cpu")


def test_some_of_the_gpus_are_offered(check, monkeypatch):
    monkeypatch.setattr("rm_train.launch.checks.cluster.visible_gpus", lambda: 2)
    assert "found 2 GPUs; write trainer.n_gpus_per_node=2" in str(check(*GPUS))
    assert str(check(*GPUS, "trainer.n_gpus_per_node=2")) == ""


def test_gpus_may_be_missing_where_the_run_takes_place_elsewhere(check, no_gpus, listener):
    for found in (
        check(*GPUS, dry_run=True),
        check(*GPUS, "trainer.nnodes=2"),
        check(*GPUS, *joining(listener)),
    ):
        assert str(found).startswith("warning: trainer.n_gpus_per_node: wants 8 GPUs")
        assert not found.errors


def joining(address):
    return ["ray=existing", f"ray_address='{address}'"]


def test_a_cluster_that_answers_is_free_of_problems(check, listener, monkeypatch):
    assert str(check(*joining(listener))) == ""
    assert str(check(*joining(f"ray://{listener}"))) == ""
    monkeypatch.setenv("RAY_ADDRESS", listener)
    assert str(check("ray=existing")) == ""


def test_an_address_that_does_not_answer_is_named(check, silent, monkeypatch):
    assert f"ray_address: nothing answers at {silent}" in str(check(*joining(silent)).errors)
    monkeypatch.setenv("RAY_ADDRESS", silent)
    assert f"RAY_ADDRESS: nothing answers at {silent}" in str(check("ray=existing").errors)
    assert str(check()) == ""  # starts its own


@pytest.mark.parametrize("address", ["somewhere", "host:port", "ray://host"])
def test_an_address_without_a_port_is_named(address, check):
    assert f"{address} is no address; write HOST:PORT" in str(check(*joining(address)).errors)


@pytest.mark.skipif(
    any(process.info["name"] == "gcs_server" for process in psutil.process_iter(["name"])),
    reason="Ray runs on this machine",
)
def test_auto_needs_a_ray_on_this_machine(check):
    found = check("ray=existing")
    assert "ray_address: is auto, and no Ray runs on this machine; start it with: ray start --head" in str(found.errors)


@pytest.mark.parametrize("count", ["ray_kwargs.ray_init.num_cpus", "ray_counts.num_cpus"])
def test_settings_that_an_existing_cluster_refuses_are_named(check, listener, count):
    found = check(*joining(listener), f"{count}=4")
    name = count.replace("ray_kwargs.ray_init.", "")
    assert f"ray_address: joins an existing cluster ({listener}), which refuses {name}" in str(found.errors)
    assert "leave them out, or write ray=local" in str(found.errors)


def test_a_folder_that_cannot_be_written_is_named(check, tmp_path):
    (tmp_path / "file").write_text("")
    for folder, said in (("/proc/none", "cannot be written (/proc: "), (tmp_path / "file", "cannot be written")):
        assert f"run_dir: {folder}" in str(check(f"runs_dir={folder}").errors)
        assert said in str(check(f"runs_dir={folder}").errors)
        assert f"cache_dir: {folder}" in str(check(f"cache_dir={folder}").errors)
    assert "trainer.default_local_dir: /proc/none" in str(check("trainer.default_local_dir=/proc/none").errors)


def test_checkpoints_that_do_not_fit_on_the_disk_are_named(check, model):
    many = ["steps=1000000000", "trainer.save_freq=1", "keep_checkpoints=null"]
    found = check(f"base_model_path={model}", *many)
    assert "trainer.default_local_dir: checkpoints of 1 million parameters take 11,175,870.9 GiB" in str(found.errors)
    assert "keep fewer (keep_checkpoints, keep_best)" in str(found.errors)
    assert not check(f"base_model_path={model}", *many[:2]).errors


def test_the_room_for_checkpoints_is_what_is_kept_and_one_more():
    def size(*overrides):
        return checkpoint_bytes(compose_config("pointwise", ["trainer.save_freq=1", *overrides]), 1000)

    assert size() == 1000 * (12 * 4 + 2)  # two last ones and the best are kept
    assert size("keep_best=false", "keep_checkpoints=1") == 1000 * (12 * 2 + 2)
    assert size("keep_checkpoints=null", "steps=9") == 1000 * (12 * 9 + 2)
    assert size("steps=1") == 1000 * (12 + 2)
    assert size("actor_rollout_ref.actor.checkpoint.save_contents=[model]") == 1000 * (4 * 4 + 2)
    assert size("method=ppo") == 1000 * (2 * 12 * 4 + 2)


def test_a_version_that_was_not_tested_is_a_warning():
    assert compare(Requirement("click>=8"), "train") == []
    (problem,) = compare(Requirement("click<1"), "train")
    assert problem.severity.value == "warning"
    assert "is installed, and <1 was tested; install it with: pip install 'click<1'" in str(problem)


def test_a_package_that_is_missing_is_an_error():
    (problem,) = compare(Requirement("no-such-package>=1"), "train")
    assert str(problem) == "no-such-package: is not installed; install it with: pip install 'rm-train[train]'"


def test_a_rollout_engine_that_is_missing_is_an_error_where_the_run_takes_place(check):
    sglang = "actor_rollout_ref.rollout.name=sglang"
    assert "sglang: is not installed; install it with: pip install 'rm-train[gpu]'" in str(check(sglang).errors)
    assert not check(sglang, dry_run=True).errors


@pytest.mark.skipif(find_spec("flash_attn") is not None, reason="flash-attn is installed")
def test_flash_attention_that_is_missing_is_an_error_unless_another_attention_is_chosen(check):
    said = "flash-attn: is not installed, and the trainer's attention is flash_attention_2; install it with: pip"
    gpu = ["actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.model.override_config.attn_implementation="]
    assert said in str(check(gpu[0], f"{gpu[1]}flash_attention_2").errors)
    assert said not in str(check(gpu[0], f"{gpu[1]}sdpa").errors)


@pytest.mark.parametrize(("version", "works"), [("1.12.0", True), ("1.13.0", False), ("1.16.0", False)])
def test_trl_that_verl_cannot_import_is_an_error(tmp_path, monkeypatch, version, works):
    folder = tmp_path / f"trl-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: trl\nVersion: {version}\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = clashes()
    assert [str(problem) for problem in found] == ([] if works else [
        f"trl: {version} is installed, beside which verl 0.9.1 fails; "
        "remove it with: pip uninstall trl, or install an older one: pip install 'trl<1.13'"
    ])  # fmt: skip


def test_verl_must_be_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"verl is not installed; install it with: pip install 'rm-train\[train\]'"):
        verl_folder()


def test_the_checks_import_neither_torch_nor_verl_nor_ray(tmp_path):
    code = (
        "import sys\n"
        "from rm_train.launch.checks import check_config\n"
        "from rm_train.launch.config import compose_config\n"
        f"overrides = ['runs_dir={tmp_path}']\n"
        "assert not check_config(overrides, compose_config('pointwise', overrides), dry_run=False)\n"
        "print(*{'torch', 'verl', 'ray', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == ""
