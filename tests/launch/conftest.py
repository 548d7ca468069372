"""A model folder in small, and what the checks say to overrides."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from rm_train.launch.checks import ConfigError, Problem, check_config
from rm_train.launch.config import compose_config


class Found(list[Problem]):
    """Problems, to be asked for what they say."""

    def __str__(self) -> str:
        return "\n".join(f"{problem.severity.value}: {problem}" for problem in self)

    @property
    def errors(self) -> "Found":
        return Found(problem for problem in self if problem.severity.value == "error")


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Found]:
    """Compose with overrides, in a folder of the test, and check."""

    def check(*overrides: str, dry_run: bool = False, task: str = "pointwise") -> Found:
        own = [] if any(part.startswith("runs_dir=") for part in overrides) else [f"runs_dir={tmp_path / 'runs'}"]
        config = compose_config(task, [*own, *overrides])
        found = Found(check_config([*own, *overrides], config, dry_run=dry_run))
        assert not (tmp_path / "runs").exists()  # nothing is created
        return found

    return check


@pytest.fixture
def refused() -> Callable[..., str]:
    """Compose with overrides that are refused, and return what is said."""

    def refused(*overrides: str, task: str = "pointwise") -> str:
        with pytest.raises(ConfigError) as error:
            compose_config(task, overrides)
        return str(error.value)

    return refused


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder with everything that a check looks at: four heads, a context of 1024, a million parameters.

    Its tokenizer has a token for each word, and its chat template adds two.
    """
    folder = tmp_path / "model"
    folder.mkdir()
    config = {
        **{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "float32"},
        **{"num_attention_heads": 4, "max_position_embeddings": 1024},
    }
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "<end>": 1}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    template = "{% for message in messages %}<user> {{ message['content'] }} <end>{% endfor %}"
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<end>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1000, 1000], "data_offsets": [0, 0]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder
