"""The command `rm-train doctor`: a table or JSON, and an exit status."""

import json

from click.testing import CliRunner

from rm_train.cli import main


def test_a_machine_that_can_train_exits_with_0_and_one_that_cannot_with_1(tmp_path):
    good = CliRunner().invoke(main, ["doctor", f"runs_dir={tmp_path}", f"cache_dir={tmp_path}"])
    assert good.exit_code == 0, good.output
    assert "verl plug-in" in good.stdout and "Hugging Face hub" in good.stdout
    bad = CliRunner().invoke(main, ["doctor", "--json", "runs_dir=/proc/none", f"cache_dir={tmp_path}"])
    assert bad.exit_code == 1
    found = {finding["subject"]: finding for finding in json.loads(bad.stdout)}
    assert found["runs_dir"]["state"] == "error"
    assert found["runs_dir"]["fix"] == "write runs_dir=… with a folder of yours"
    assert found["cache_dir"]["state"] == "ok" and found["cache_dir"]["fix"] is None
    assert found["verl"]["what"] == "0.9.1"


def test_a_wrong_override_is_named():
    result = CliRunner().invoke(main, ["doctor", "runs_dri=x"])
    assert result.exit_code == 1
    assert "runs_dir" in result.output
