"""What the tests of verl's plug-ins share: its config, and rewards that its workers can import."""

import os
import sys
from pathlib import Path

import pytest
import ray
import verl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from reward_fn.judges.llm.permits import use_permits
from reward_fn.store import use_store
from reward_fn.workers.pool import use_pools

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
WORDS = ["<unk>", "<end>", "<pad>", "4", "5", "sum", "is", "the"]


@pytest.fixture(scope="session")
def verl_config():
    """Compose verl's own config: our `reward_kwargs`, and overrides."""

    def verl_config(kwargs, *overrides):
        with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
            function = "reward.custom_reward_function"
            config = compose("ppo_trainer", [f"{function}.path=pkg://reward_fn.adapters.verl", *overrides])
        OmegaConf.update(config, f"{function}.reward_kwargs", kwargs, force_add=True)
        return config

    return verl_config


@pytest.fixture(scope="module", autouse=True)
def own_parts():
    """What a config attaches in this process, tests of other modules must not find."""
    yield
    use_permits(None)
    use_pools(None)
    use_store(None)


@pytest.fixture(scope="module")
def cluster():
    variables = {"PYTHONPATH": os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])}
    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": variables})
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<pad>", unk_token="<unk>")
    folder = tmp_path_factory.mktemp("tokenizer") / "model"
    made.save_pretrained(folder)
    made.name_or_path = str(folder)
    return made


@pytest.fixture(scope="module")
def composed(tokenizer, verl_config):
    def composed(kwargs, *overrides):
        sizes = ["reward.num_workers=2", "data.train_batch_size=8", "data.max_response_length=6"]
        return verl_config(kwargs, f"actor_rollout_ref.model.path={tokenizer.name_or_path}", *sizes, *overrides)

    return composed
