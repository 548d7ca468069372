"""What is read from storage is kept on the disk: fetched once, and again when it has changed."""

import threading
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from s3_proxy import FaultyProxy

from rm_train.data import PrepareError, PrepareSettings, prepare
from rm_train.launch.checks.storage import storage_problems
from rm_train.launch.config import compose_config
from rm_train.launch.verl_run import training_command
from rm_train.storage import Store, cached_path, fetch

ROW = '{{"prompt": "Name {0}.", "response": "{0}", "helpfulness": 3, "correctness": 4, "coherence": 4, '
ROW += '"complexity": 1, "verbosity": 2}}\n'


def test_a_folder_is_fetched_once_and_again_when_it_changes(place: str, tmp_path: Path):
    store, cache = Store(f"{place}/model"), tmp_path / "cache"
    store.write("config.json", "{}")
    store.write("sub/weights", "1")
    folder = fetch(f"{place}/model/", cache)
    assert folder == cached_path(f"{place}/model", cache) and folder.name == "model"
    before = (folder / "sub/weights").stat().st_ino
    assert fetch(f"{place}/model", cache) == folder and (folder / "sub/weights").stat().st_ino == before
    store.write("sub/weights", "22")
    store.remove("config.json")
    fetch(f"{place}/model", cache)
    assert [path.name for path in folder.rglob("*")] == ["sub", "weights"]
    assert (folder / "sub/weights").read_text() == "22"


def test_those_who_want_the_same_wait_for_one_another(proxy: FaultyProxy, bucket: str, tmp_path: Path):
    Store(bucket).write("rows.jsonl", "1")
    threads = [threading.Thread(target=fetch, args=(f"{bucket}/rows.jsonl", tmp_path)) for _ in range(3)]
    proxy.requests.clear()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cached_path(f"{bucket}/rows.jsonl", tmp_path).read_text() == "1"
    assert len([path for method, path in proxy.requests if method == "GET" and "rows.jsonl" in path]) == 1


def test_ratings_are_prepared_from_storage(place: str, tmp_path: Path):
    (tmp_path / "rows").write_text("".join(map(ROW.format, range(200))))
    Store(place).put(tmp_path / "rows", "ratings.jsonl")
    out = tmp_path / "data"
    settings = PrepareSettings("helpsteer2", out, f"{place}/ratings.jsonl", cache_dir=tmp_path / "cache")
    first = prepare(settings)
    assert first.rebuilt and not prepare(settings).rebuilt
    here = prepare(
        PrepareSettings("helpsteer2", tmp_path / "other", cached_path(f"{place}/ratings.jsonl", tmp_path / "cache"))
    )
    assert here.manifest["fingerprint"] == first.manifest["fingerprint"]  # where it lies does not matter
    with pytest.raises(PrepareError, match="there is no such file, and no folder with files in it"):
        prepare(PrepareSettings("helpsteer2", out, f"{place}/none.jsonl", cache_dir=tmp_path / "cache"))


def test_what_is_wrong_with_storage_is_told_before_a_run_starts(proxy: FaultyProxy, bucket: str):
    whole = compose_config("pointwise", ["dataset=helpsteer2", "dataset_path=x.jsonl"])

    def problems(**changes: str) -> str:
        return "\n".join(map(str, storage_problems(OmegaConf.merge(whole, changes), reach=True)))

    Store(bucket).write("judge/config.json", "{}")
    runs = f"{bucket}/runs"
    assert problems(storage=runs, dataset_path=f"{bucket}/judge/config.json", base_model_source=f"{bucket}/judge") == ""
    assert set(Store(bucket).files()) == {"judge/config.json"}  # nothing stays of the attempt
    assert f"dataset_path: {bucket}/rows: there is no such file" in problems(dataset_path=f"{bucket}/rows")
    assert "base_model_path: s3n:// is not known" in problems(base_model_source="s3n://bucket/judge")
    assert "storage: is no address; write one such as s3://BUCKET/FOLDER" in problems(storage="runs")
    told = problems(storage="s3://key:canary-secret@bucket/runs")
    assert "credentials stand in it" in told and "canary" not in told
    assert f"storage: {bucket}-no/runs/.rm-train-" in (told := problems(storage=f"{bucket}-no/runs"))
    assert "there is no such bucket; correct the name, or make it" in told
    proxy.fault = lambda handler, _: handler.command != "HEAD" and handler.refuse(403, "AccessDenied")
    assert "no permission; give the credentials in the environment" in problems(storage=runs)
    proxy.fault = lambda handler, _: handler.hang_up()
    assert "it cannot be reached; correct AWS_ENDPOINT_URL" in problems(storage=runs)
    whole.actor_rollout_ref.actor.checkpoint.async_save = True
    assert "actor_rollout_ref.actor.checkpoint.async_save: verl says" in problems(storage=runs)


def test_verl_is_given_the_folder_that_a_model_is_fetched_to(bucket: str, tmp_path: Path):
    overrides = ["base_model=hf", f"base_model_path={bucket}/judge", f"cache_dir={tmp_path}"]
    config = compose_config("pointwise", overrides)
    folder = str(cached_path(f"{bucket}/judge", tmp_path))
    assert config.actor_rollout_ref.model.path == folder and config.base_model_source == f"{bucket}/judge"
    assert [
        part for part in training_command("pointwise", overrides, config) if part.startswith("base_model_path=")
    ] == [f"base_model_path={folder}"]
    assert Path(folder).name == "judge"
