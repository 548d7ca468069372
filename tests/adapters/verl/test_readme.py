"""The README's lines for a verl run: composed by verl's config, and loaded by verl's code."""

import re
from pathlib import Path

import verl
from hydra import compose, initialize_config_dir
from verl.trainer.ppo.reward import get_custom_reward_fn, resolve_reward_manager_cls
from verl.utils.import_utils import load_extern_type

from reward_fn.adapters.verl.manager import GalleryRewardManager
from reward_fn.adapters.verl.sampler import MetricsReplayBuffer
from reward_fn.adapters.verl.scorer import scorer_of
from reward_fn.adapters.verl.settings import SOURCES, Settings

ROOT = Path(__file__).parents[3]
README, DOCS = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/verl.md"))


def overrides():
    (block,) = re.findall(r"```bash\n(python -m verl.*?)```", README, re.DOTALL)
    lines = [line.strip(" \\").strip("'") for line in block.splitlines()]
    return [line.replace("$PWD", str(ROOT)) for line in lines if line.startswith(("reward", "+reward", "trainer"))]


def test_the_lines_of_the_readme_are_a_config_of_verls():
    assert len(overrides()) == 4
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        config = compose("ppo_trainer", ["algorithm.adv_estimator=grpo", *overrides()])
    assert resolve_reward_manager_cls(config) is GalleryRewardManager
    sampler = config.trainer.v1.sampler.custom_sampler
    assert load_extern_type(sampler.path, sampler.name) is MetricsReplayBuffer
    assert callable(get_custom_reward_fn(config))
    scorer = scorer_of(config.reward.custom_reward_function.reward_kwargs)
    assert {"answer", "format", "judge"} <= set(scorer.parts)


def test_the_settings_of_the_docs_are_settings():
    import yaml

    (block,) = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
    written = yaml.safe_load(block)
    assert {"reward", "reward_file", "routes"} <= written.keys()
    for source in ("reward", "routes"):
        kept = {key: value for key, value in written.items() if key == source or key not in SOURCES}
        Settings.read(kept)
