"""What the doctor says of Python and of installed packages."""

import sys

import pytest

from rm_train.launch.doctor.packages import engine_version, package_versions, python_version, torch_build

METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: {version}
{requires}
"""


def test_a_tested_python_is_ok_and_another_is_a_warning(monkeypatch):
    assert python_version().state == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    finding = python_version()
    assert finding.state == "warning" and finding.fix == "use Python 3.10, 3.11 or 3.12"


def test_the_packages_that_matter_most_have_a_line_of_their_own():
    findings = {finding.subject: finding for finding in package_versions()}
    assert {"verl", "ray", "transformers", "other packages"} <= findings.keys()
    assert findings["verl"].what == "0.9.1" and findings["verl"].state == "ok"


def test_packages_of_another_version_or_missing_are_named(tmp_path, monkeypatch):
    requires = ["Requires-Dist: installed-one<2; extra == 'train'", "Requires-Dist: missing-one; extra == 'train'"]
    for name, version, lines in (("the-user", "1", requires), ("installed-one", "3.1", [])):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(METADATA.format(name=name, version=version, requires="\n".join(lines)))
    monkeypatch.syspath_prepend(tmp_path)
    old, missing, others = package_versions("the-user", "train")
    assert (old.state, old.what) == ("warning", "3.1 is installed, and <2 was tested")
    assert old.fix == "install it with: pip install 'installed-one<2'"
    assert (missing.state, missing.what) == ("error", "is not installed")
    assert missing.fix == "install it with: pip install 'rm-train[train]'"
    assert others.what == "0 as they were tested"


def test_torch_that_cannot_be_imported_is_an_error(found):
    assert torch_build().what == "CPU"
    broken = {"torch/__init__.py": "raise OSError('libcudart.so.12: cannot open shared object file')"}
    code = "from rm_train.launch.doctor.packages import torch_build; findings = [torch_build()]"
    finding = found(code, broken)["torch build"]
    assert finding["state"] == "error"
    assert finding["what"] == "cannot be imported: libcudart.so.12: cannot open shared object file"
    assert "pip install --force-reinstall torch" in finding["fix"]


def test_an_engine_for_gpus_is_asked_for_only_where_torch_is_built_for_them(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert engine_version("vllm").state == "ok"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    try:
        import vllm  # noqa: F401
    except ImportError:
        finding = engine_version("vllm")
        assert (finding.state, finding.what) == ("warning", "is not installed")
        assert finding.fix == "install it with: pip install 'rm-train[gpu]'"
