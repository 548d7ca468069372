"""Files in a bucket and in a mounted folder: whole or not there, through faults of the network and the service."""

import gzip
import os
import pickle
from pathlib import Path

import pytest
from s3_proxy import FaultyProxy, first

from rm_train.storage import StorageError, Store
from rm_train.storage.uri import uri_problem


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_is_put_is_got_with_its_time(place: str, tmp_path: Path):
    store = Store(place)
    assert store.files() == {} and store.file("a/b.gz") is None
    content = gzip.compress(os.urandom(9 << 20))  # more than one part; what is compressed stays as it is
    store.put(write(tmp_path / "b.gz", content), "a/b.gz")
    store.put(write(tmp_path / "empty", b""), "empty")
    store.write("note", "kept")
    assert {name: file.size for name, file in store.files().items()} == {"a/b.gz": len(content), "empty": 0, "note": 4}
    assert set(store.files("a")) == {"b.gz"} and set(store.files(below=False)) == {"empty", "note"}
    store.get("a/b.gz", tmp_path / "got" / "b.gz")
    assert (tmp_path / "got" / "b.gz").read_bytes() == content
    assert (tmp_path / "got" / "b.gz").stat().st_mtime_ns == store.file("a/b.gz").mtime_ns
    assert store.read("note") == "kept"
    store.put(write(tmp_path / "b.gz", b"new"), "a/b.gz")
    assert store.read("a/b.gz") == "new"
    store.remove("note")
    store.clear("a")
    store.clear("a")
    assert set(store.files()) == {"empty"}


def test_what_is_not_there_is_told(place: str, tmp_path: Path):
    for call in (lambda: Store(place).read("none"), lambda: Store(place).get("none", tmp_path / "none")):
        with pytest.raises(StorageError, match="/runs/none: it is not there; correct the name"):
            call()
    assert not (tmp_path / "none").exists()


def test_a_busy_service_is_asked_again(proxy: FaultyProxy, bucket: str, tmp_path: Path):
    store = Store(bucket)
    # Four times: the S3 client itself tries three times.
    proxy.fault = first(4, lambda handler, _: handler.refuse(503, "SlowDown"), "PUT")
    store.put(write(tmp_path / "a", b"1" * 1000), "a")
    proxy.fault = first(4, lambda handler, _: handler.refuse(503, "SlowDown"), "GET")
    store.get("a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"1" * 1000


def test_a_lost_connection_in_mid_upload_is_made_good(proxy: FaultyProxy, bucket: str, tmp_path: Path):
    content = os.urandom(12 << 20)
    proxy.fault = first(2, lambda handler, body: handler.hang_up(), "PUT")
    Store(bucket).put(write(tmp_path / "a", content), "a")
    proxy.fault = None
    Store(bucket).get("a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == content


def test_a_service_that_stays_away_is_an_error(proxy: FaultyProxy, bucket: str, tmp_path: Path):
    proxy.fault = lambda handler, _: handler.hang_up()
    with pytest.raises(StorageError, match=f"{bucket}/a: .*cannot be reached; correct AWS_ENDPOINT_URL") as error:
        Store(bucket, attempts=2).put(write(tmp_path / "a", b"1"), "a")
    assert error.value.passing and pickle.loads(pickle.dumps(error.value)).passing
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "AccessDenied", "no permission"),
        (403, "InvalidAccessKeyId", "credentials are refused; set AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "credentials are refused"),
    ],
)
def test_a_refusal_is_told_at_once(proxy: FaultyProxy, bucket: str, tmp_path: Path, status, code, told):
    proxy.fault = lambda handler, _: handler.refuse(status, code)
    with pytest.raises(StorageError, match=told) as error:
        Store(bucket).put(write(tmp_path / "a", b"1"), "a")
    assert not error.value.passing and len(proxy.requests) == 1


def test_a_bucket_that_is_not_there_is_told(bucket: str, tmp_path: Path):
    with pytest.raises(StorageError, match="there is no such bucket; correct the name, or make it"):
        Store(f"{bucket}-no").put(write(tmp_path / "a", b"1"), "a")


def test_a_broken_fetch_goes_on_where_it_was(proxy: FaultyProxy, bucket: str, tmp_path: Path):
    store, content = Store(bucket, attempts=1), os.urandom(20 << 20)
    digest = store.put(write(tmp_path / "a", content), "a")
    come: list[int] = []

    def after_the_first_part(handler, _):
        return bool(come) and handler.hang_up()

    proxy.fault = after_the_first_part
    with pytest.raises(StorageError):
        store.get("a", tmp_path / "b", digest, come.append)
    assert not (tmp_path / "b").exists()
    proxy.fault, first_part = None, sum(come)
    come.clear()
    store.get("a", tmp_path / "b", digest, come.append)
    assert (tmp_path / "b").read_bytes() == content
    assert 0 < first_part < len(content) and sum(come) == len(content) - first_part
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_truncated_upload_is_found(proxy: FaultyProxy, bucket: str, s3_server: str, tmp_path: Path):
    """What the service has is compared with what was sent."""
    import boto3

    client = boto3.client("s3", endpoint_url=f"http://{s3_server}", region_name="us-east-1")

    def cut(handler, _):
        if handler.command == "HEAD":
            client.put_object(Bucket=bucket.removeprefix("s3://"), Key="a", Body=b"1" * 100)
        return False

    proxy.fault = cut
    with pytest.raises(StorageError, match="/a: 1000 bytes were sent, and 100 bytes arrived"):
        Store(bucket, attempts=2).put(write(tmp_path / "a", b"1" * 1000), "a")


def test_a_damaged_object_is_not_taken(place: str, tmp_path: Path):
    store = Store(place, attempts=2)
    digest = store.put(write(tmp_path / "a", b"right"), "a")
    store.write("a", "wrong")
    with pytest.raises(StorageError, match="/a: it is damaged"):
        store.get("a", tmp_path / "b", digest)
    assert [path.name for path in tmp_path.iterdir() if path.name != "mounted"] == ["a"]


def test_a_name_that_leaves_the_folder_is_refused(bucket: str, s3_server: str, tmp_path: Path):
    import boto3

    client = boto3.client("s3", endpoint_url=f"http://{s3_server}", region_name="us-east-1")
    client.put_object(Bucket=bucket.removeprefix("s3://"), Key="model/../../evil", Body=b"x")
    with pytest.raises(StorageError, match="leaves the folder"):
        Store(f"{bucket}/model").files()


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s4://bucket/x", "s4:// is not known; write s3://, gs://, hdfs://, file://"),
        ("https://bucket.s3.amazonaws.com/x", "https:// is not known"),
        ("s3://AKIA:canary@bucket/x", "credentials stand in it (s3://…@…)"),
        ("s3://bucket/x?secret_key=canary", "it has options after ?"),
        ("s3:///x", "it names no bucket; write s3://BUCKET/FOLDER"),
        ("file://folder", "it names no folder; write file:///FOLDER"),
        ("s3://bucket/a/../b", "it holds . or .."),
    ],
)
def test_a_wrong_address_is_refused_without_its_secrets(uri, told):
    problem = "; ".join(uri_problem(uri) or ())
    assert told in problem and "canary" not in problem
    with pytest.raises(StorageError) as error:
        Store(uri)
    assert "canary" not in str(error.value)


def test_a_wrong_endpoint_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL: it is no address; write http://HOST:PORT"):
        Store("s3://bucket/x")
