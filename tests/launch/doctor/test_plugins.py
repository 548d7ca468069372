"""What the doctor says of verl's plug-ins, each examined in a process that imports verl anew."""

import pytest

CODE = "from rm_train.launch.doctor.plugins import plugins; findings = list(plugins())"
OURS = "verl plug-in rm_train_cpu"


OTHERS = {
    "works_plugin.py": "LOADED = True",
    "fails_plugin.py": "raise RuntimeError('needs a card')",
    "others-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: others\nVersion: 1\n",
    "others-1.dist-info/entry_points.txt": "[verl.plugins]\nworks = works_plugin\nfails = fails_plugin\n",
}
"""An installed package with two plug-ins for verl."""


def test_every_plug_in_that_is_installed_is_loaded_or_shows_why_not(found):
    findings = found(CODE, OTHERS)
    ours = findings[OURS]
    assert ours["state"] == "ok"
    assert ours["what"].startswith("loaded; verl's device is cpu") and "engines and rollout" in ours["what"]
    assert (findings["verl plug-in works"]["state"], findings["verl plug-in works"]["what"]) == ("ok", "loaded")
    fails = findings["verl plug-in fails"]
    assert (fails["state"], fails["what"]) == ("warning", "fails with RuntimeError: needs a card")
    assert fails["fix"] == "repair or uninstall it, or leave it out with VERL_USE_EXTERNAL_PLUGINS"


def test_ours_that_fails_shows_the_last_line_of_its_traceback(found):
    broken = "import sys; sys.modules['rm_train.cpu.rollout_registry'] = None\n"
    finding = found(broken + CODE)[OURS]
    assert finding["state"] == "error" and finding["fix"] == "repair what the message names"
    assert finding["what"].startswith("fails with ") and "rollout_registry" in finding["what"]


def test_an_engine_that_fails_shows_why(found):
    broken = "import sys; sys.modules['rm_train.cpu.engine'] = None\n"
    finding = found(broken + CODE)[OURS]
    assert finding["state"] == "error" and "rm_train.cpu.engine" in finding["what"]


@pytest.mark.parametrize(("policy", "state"), [("none", "error"), ("other", "error"), ("Other, RM_train_cpu", "ok")])
def test_a_variable_that_leaves_ours_out_is_named(found, policy, state):
    findings = found(CODE, OTHERS, VERL_USE_EXTERNAL_PLUGINS=policy)
    assert findings["verl plug-in fails"]["what"] == "left out, as VERL_USE_EXTERNAL_PLUGINS says"
    finding = findings[OURS]
    assert finding["state"] == state
    if state == "error":
        assert finding["what"] == f"VERL_USE_EXTERNAL_PLUGINS={policy} leaves it out"
        assert finding["fix"] == "unset VERL_USE_EXTERNAL_PLUGINS, or add rm_train_cpu to it"


def test_ours_that_is_not_installed_is_named(found):
    hidden = "import importlib.metadata as m; m.entry_points = lambda group: []\n"
    finding = found(hidden + CODE)[OURS]
    assert finding["state"] == "error" and finding["what"].startswith("is not installed")
    assert finding["fix"] == "install rm-train again with pip"


def test_a_platform_that_this_build_of_torch_cannot_use_is_an_error(found):
    code = f"import torch; torch.version.cuda = torch.version.hip = None\n{CODE}"
    finding = found(code, VERL_PLATFORM="nvidia")[OURS]
    assert finding["state"] == "error"
    assert finding["what"] == "loaded; verl's device is cuda, as VERL_PLATFORM=nvidia says"
    assert finding["fix"] == "unset VERL_PLATFORM, or install a build of torch for GPUs"
    unknown = found(CODE, VERL_PLATFORM="abacus")[OURS]
    assert unknown["state"] == "error" and "abacus" in unknown["what"]
