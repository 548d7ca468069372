"""The Kubernetes example has only fields that KubeRay and Kubernetes know; it has not been run on a cluster."""

import copy
import shlex
from importlib.metadata import version
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from rm_train.launch.config import compose_config

EXAMPLE = Path(__file__).parents[2] / "examples" / "cluster" / "kuberay.yaml"
SCHEMA = yaml.safe_load((Path(__file__).parent / "kuberay.schema.yaml").read_text())
KUBERNETES = "1.33"


def documents() -> list[dict]:
    # Through text, as anchors make parts of the document the same object.
    return [copy.deepcopy(document) for document in yaml.safe_load_all(EXAMPLE.read_text())]


def job() -> dict:
    return next(document for document in documents() if document["kind"] == "RayJob")


def groups(document: dict) -> list[dict]:
    cluster = document["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def check(document: dict) -> None:
    if not document["apiVersion"].startswith("ray.io/"):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.validate(document, SCHEMA)
    for group in groups(document):
        pods = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "pods"}, "template": group["template"]}
        kubernetes_validate.validate(pods, KUBERNETES, strict=True)


def test_every_field_is_known() -> None:
    for document in documents():
        check(document)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("spec",), "entryPoint"),
        (("spec", "rayClusterSpec"), "authOption"),
        (("spec", "rayClusterSpec", "headGroupSpec"), "rayStartParam"),
        (("spec", "rayClusterSpec", "workerGroupSpecs", 0), "replica"),
        (("spec", "rayClusterSpec", "workerGroupSpecs", 0, "template", "spec", "containers", 0), "volumeMount"),
        (("spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "containers", 0, "resources"), "limit"),
    ],
)
def test_a_slip_of_the_pen_is_found(path: tuple, wrong: str) -> None:
    document = job()
    place = document
    for key in path:
        place = place[key]
    place[wrong] = {}
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError), match=wrong):
        check(document)


def test_a_number_of_ray_start_must_be_text() -> None:
    document = job()
    document["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]["num-gpus"] = 0
    with pytest.raises(jsonschema.ValidationError, match="0 is not of type 'string'"):
        check(document)


def test_it_is_the_ray_that_is_installed() -> None:
    assert job()["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")


def test_its_command_composes_and_wants_what_the_cluster_has() -> None:
    words = shlex.split(job()["spec"]["entrypoint"])
    assert words[:2] == ["rm-train", "train"]
    config = compose_config(words[2], words[3:])
    workers = groups(job())[1]
    gpus = workers["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    assert (config.trainer.nnodes, config.trainer.n_gpus_per_node) == (workers["replicas"], int(gpus))


def test_secrets_are_only_named() -> None:
    for group in groups(job()):
        for variable in group["template"]["spec"]["containers"][0]["env"]:
            if any(word in variable["name"] for word in ("KEY", "TOKEN", "SECRET")):
                assert set(variable) == {"name", "valueFrom"}
    assert not any(document["kind"] == "Secret" for document in documents())


def test_folders_of_the_command_are_on_the_volume_that_all_pods_mount() -> None:
    named = [word.split("=", 1)[1] for word in shlex.split(job()["spec"]["entrypoint"]) if "=/" in word]
    assert len(named) == 3
    assert all(folder.startswith("/shared/") for folder in named)
    for group in groups(job()):
        mounts = group["template"]["spec"]["containers"][0]["volumeMounts"]
        assert "/shared" in [mount["mountPath"] for mount in mounts]
