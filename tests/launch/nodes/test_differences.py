"""What nodes answered is held against what the launcher sees, and against each other."""

import copy
from functools import lru_cache

import pytest

from rm_train.launch.checks import Severity
from rm_train.launch.config import compose_config
from rm_train.launch.nodes.difference import Difference, problems_of
from rm_train.launch.nodes.gpus import gpu_differences
from rm_train.launch.nodes.on_node.look import look
from rm_train.launch.nodes.question import question_of
from rm_train.launch.nodes.room import places, room_problems
from rm_train.launch.nodes.shared import clock_differences, place_differences
from rm_train.launch.nodes.software import software_differences

A100 = (81920, "580.65.06", "NVIDIA A100-SXM4-80GB")
H100 = (81920, "575.57.08", "NVIDIA H100 80GB HBM3")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """What this machine answers to the question of a run."""
    runs = tmp_path_factory.mktemp("runs")
    return look(question_of(compose_config("pointwise", [f"runs_dir={runs}"])), ".mark")


@pytest.fixture
def of_a_gpu_node(here):
    """Make the answer of a node with GPUs."""

    def make(*gpus, cuda="13.0", vllm="0.24.0", flash_attn="2.8.3"):
        answer = copy.deepcopy(here)
        return answer | {
            "cuda": cuda, "gpus": list(gpus), "packages": {**here["packages"], "vllm": vllm, "flash_attn": flash_attn},
        }  # fmt: skip

    return make


def told(differences):
    return [f"{one.severity.value}: {one.node}: {one.subject}: {one.what}; {one.fix}" for one in differences]


def test_a_machine_differs_in_nothing_from_itself(here):
    assert told(software_differences(here, {"a": here})) == []
    assert here["code"].keys() == {"reward_fn", "rm_train"} and all(here["code"].values())


def test_python_versions_and_code_are_told_with_both_values(here):
    other = copy.deepcopy(here)
    other["python"] = "3.99.1"
    other["packages"] |= {
        "ray": "2.0.0",
        "numpy": None,
        "torch": here["packages"]["torch"].partition("+")[0] + "+cu130",
    }
    other["code"] |= {"rm_train": None}
    found = told(software_differences(here, {"a": here, "b": other}))
    assert found[0].startswith(f"error: b: Python: 3.99.1 there, {here['python']} here; start Ray there with Python 3.")
    assert any("error: b: ray: 2.0.0 there" in line and "and start Ray there anew" in line for line in found)
    assert any("error: b: numpy: is not installed there" in line for line in found)
    assert any("error: b: rm_train: cannot be imported there" in line for line in found)
    assert len(found) == 4  # builds of one torch may differ between a head and nodes with GPUs


def test_the_same_on_many_nodes_is_told_once():
    many = [Difference(f"n{number}", "verl", "0.9.0 there, 0.9.1 here", "install it") for number in range(11)]
    (problem,) = problems_of(many)
    assert problem.key == "node n0, n1, n2, n3, n4, n5, n6, n7 and 3 more: verl"


def test_nodes_with_gpus_are_held_against_each_other(of_a_gpu_node):
    answers = {
        "a": of_a_gpu_node(A100, A100),
        "b": of_a_gpu_node(A100, A100),
        "c": of_a_gpu_node(H100, cuda="12.9", vllm="0.23.0", flash_attn=None),
    }
    found = told(gpu_differences(answers, {"a": 2, "b": 2, "c": 2}))
    for expected in (
        "error: c: GPUs: Ray hands out 2 there, and nvidia-smi shows 1; repair the others",
        "error: c: torch's CUDA: 12.9 there, 13.0 on a; install the same build",
        "error: c: vllm: 0.23.0 there, 0.24.0 on a; install the same vllm",
        "error: c: flash_attn: is not installed there; install it there: pip install flash-attn",
        "warning: c: GPUs: NVIDIA H100 80GB HBM3 with 80 GiB there, NVIDIA A100-SXM4-80GB with 80 GiB on a",
        "warning: c: NVIDIA driver: 575.57.08 there, 580.65.06 on a",
    ):
        assert any(line.startswith(expected) for line in found), (expected, found)
    assert len(found) == 6
    assert told(gpu_differences({"a": answers["a"], "b": answers["b"]}, {"a": 2, "b": 2})) == []


def test_a_driver_that_does_not_work_and_a_build_without_cuda_are_told(of_a_gpu_node):
    answer = of_a_gpu_node(cuda=None) | {"gpus": "found no NVIDIA GPU (no nvidia-smi)"}
    found = told(gpu_differences({"a": answer}, {"a": 8}))
    assert any("Ray hands out 8 there, and the node found no NVIDIA GPU (no nvidia-smi)" in line for line in found)
    assert any("is a build without CUDA; install the GPU build there" in line for line in found)


def node(address="a", *, gpus=(8, 8), cpus=(96, 96), alive=True, **more):
    free, total = ({"GPU": gpus[one], "CPU": cpus[one]} for one in (0, 1))
    return {"id": address, "address": address, "alive": alive, "free": free, "total": total, "answer": None,
            "silence": None, "unseen": {}, "clock_s": 0.0} | more  # fmt: skip


@lru_cache
def plain():
    return compose_config("pointwise", [])


def run(nnodes=2, each=8, device="cuda"):
    config = copy.deepcopy(plain())
    config.trainer.update({"nnodes": nnodes, "n_gpus_per_node": each, "device": device})
    return config


def test_groups_of_gpus_need_one_node_each_and_three_cpus_a_gpu():
    assert places([node(), node("b")], 8) == 2
    assert places([node(gpus=(4, 8)), node("b", gpus=(4, 8))], 8) == 0
    assert places([node()], 4) == 2  # two groups find their place on one node
    assert places([node(cpus=(23, 23))], 8) == 0
    assert places([node(alive=False)], 8) == 0


def test_a_cluster_that_is_too_small_is_told_with_what_is_there():
    nodes = [node(), node("b", gpus=(3, 8)), node("c", gpus=(0, 0), alive=False)]
    (problem,) = room_problems(run(), nodes, ["job 02 (python x.py) from b"])
    assert str(problem) == (
        "trainer.nnodes: wants 2 x 8 free GPUs with 24 free CPUs, each on one node, and 1 can be had; there are: a "
        "with 8 of 8 GPUs and 96 of 96 CPUs free; b with 3 of 8 GPUs and 96 of 96 CPUs free; c (dead); job 02 "
        "(python x.py) from b may hold some of it; wait until the others have ended, or end them"
    )
    (problem,) = room_problems(run(3), nodes[:1], [])
    assert problem.fix == "start Ray on 2 more such nodes, or write trainer.nnodes=1"
    (problem,) = room_problems(run(device="cpu", each=1), [node(gpus=(0, 0))], [])
    assert "start Ray on 2 nodes, each with --num-gpus=1" in problem.fix
    assert room_problems(run(), [node(), node("b")], []) == []


def test_too_few_cpus_for_the_rest_of_verl_are_told():
    units = plain().transfer_queue.backend.SimpleStorage.num_data_storage_units
    enough = 3 + units + 2
    assert room_problems(run(1, 1), [node(cpus=(enough, enough))], []) == []
    (problem,) = room_problems(run(1, 1), [node(cpus=(enough - 1, enough - 1))], [])
    assert problem.what.startswith(f"verl takes {enough} CPUs in all (3 for each GPU, {units + 2} for itself)")


def place(error=None, free=2**40):
    return {"answer": {"places": {"run_dir": {"error": error, "free": free}}}}


def test_of_folders_that_are_not_shared_the_nodes_are_named_that_have_their_own():
    nodes = {
        "a": node("a", unseen={"run_dir": ["b"]}, **place()),
        "b": node("b", unseen={"run_dir": ["a", "c", "launcher"]}, **place()),
        "c": node("c", unseen={"run_dir": ["b", "a"]}, **place()),
        "d": node("d", **place("/runs cannot be written (Read-only file system)")),
    }
    found = told(place_differences(nodes, {"run_dir": "/runs"}, {"run_dir": ["b", "d"]}, None))
    assert [line.partition(";")[0] for line in found] == [
        "error: d: run_dir: /runs cannot be written (Read-only file system) there",
        "error: b: run_dir: /runs there is not the same folder as here: each has its own files",
        "error: c: run_dir: what a wrote to /runs is not seen there in time",
    ]
    assert all("folder that all nodes share, or storage=" in line for line in found)


def test_a_disk_that_is_too_small_is_told():
    nodes = {"a": node("a", **place(free=2**30))}
    assert told(place_differences(nodes, {"run_dir": "/runs"}, {}, 2**29)) == []
    (line,) = told(place_differences(nodes, {"run_dir": "/runs"}, {}, 2**31))
    assert line.startswith("error: a: run_dir: 1.0 GiB are free there, and checkpoints take 2.0 GiB; make room there")


def test_clocks_that_are_a_few_seconds_apart_are_no_matter():
    nodes = {"a": node(clock_s=4.0), "b": node(clock_s=-61.2)}
    (one,) = clock_differences(nodes)
    assert (one.node, one.what, one.severity) == ("b", "is 61 s behind the launcher's", Severity.WARNING)
