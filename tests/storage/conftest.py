"""A bucket on a real S3 server (moto, over loopback), with a proxy before it that can misbehave."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from rm_train.storage import store

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "launch" / "nodes"))

from s3_proxy import FaultyProxy


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def proxy(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """The way to the server; the environment names it as the endpoint, as a user's would."""
    with FaultyProxy(s3_server) as proxy:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{proxy.address}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield proxy


@pytest.fixture
def bucket(proxy: FaultyProxy, s3_server: str) -> str:
    """A new bucket, made by another client."""
    import boto3

    name = f"bucket-{uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=f"http://{s3_server}", region_name="us-east-1").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(params=["s3", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder of each kind of storage."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/runs"
    return f"file://{tmp_path}/mounted/runs"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry soon, and not for long."""
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(store, "LONGEST_WAIT_S", 0.05)
