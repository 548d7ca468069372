import pytest

from rm_train.data import PrepareSettings, prepare


@pytest.fixture
def run(tmp_path):
    """Prepare a HelpSteer2 path into `tmp_path/out`."""

    def call(path, **settings):
        settings = {"dataset": "helpsteer2", "out_dir": tmp_path / "out", "val_fraction": 0.3, **settings}
        return prepare(PrepareSettings(path=path, **settings))

    return call
