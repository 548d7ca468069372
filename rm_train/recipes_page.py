"""Writes `docs/recipes.md` from the configs and the rewards: `python -m rm_train.recipes_page > docs/recipes.md`.

What a recipe pays, after whom and for which data stands once, in the comment at the head of its config; how a judge is
asked is what its form really asks. So the page cannot say anything else than what runs. What is no recipe's own is
text in `recipes_page.md.j2`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from omegaconf import OmegaConf

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.settings import Settings
from reward_fn.base import BaseReward
from reward_fn.judges.forms import FORMS
from reward_fn.judges.forms.attributes import AttributesVerdict
from reward_fn.judges.forms.first_error import FirstError
from reward_fn.judges.pointwise import ATTRIBUTES, PointwiseVerdict
from reward_fn.judges.verdict_text import Message
from reward_fn.registry import summary
from rm_train.launch.config import configs_dir
from rm_train.launch.preflight import REASON, verdicts

_QUESTION: list[Message] = [{"role": "user", "content": "Which is larger, 9.9 or 9.11?"}]
_ANSWERS = ["9.9, since 0.9 is more than 0.11.", "9.11, since 11 is more than 9."]
_NOT_OF_PAIRS: Mapping[str, Any] = {
    "pointwise": PointwiseVerdict(3, REASON),
    "attributes": AttributesVerdict(dict.fromkeys(ATTRIBUTES, 3), REASON),
    "first_error": FirstError(1, REASON),
}
"""A verdict for each form that does not compare two answers."""
_PAPER = re.compile(r"arXiv (\d{4}\.\d{5})")


@dataclass(frozen=True, slots=True)
class RecipePart:
    """What the page says of a recipe.

    Attributes:
        name: What `recipe=` takes.
        task: The config that it belongs to.
        form: One of `FORMS`.
        said: What the head of its config says, by `Formula`, `Source`, `Data`, `Good for` and, if need be, `Note`.
        reward: Its reward, as its config sets it.
        config: The config below its head.
        sizes: The head and the rest of the config of its published sizes, or None.
    """

    name: str
    task: str
    form: str
    said: Mapping[str, str]
    reward: BaseReward
    config: str
    sizes: tuple[str, str] | None

    @property
    def range(self) -> str:
        """The lowest and the highest score."""
        low, high = self.reward.score_range
        return f"{low:g} to {high:g}"

    @property
    def measures(self) -> str:
        """What the reward measures."""
        return summary(type(self.reward))

    @property
    def prompt(self) -> str:
        """How a judge is asked, on a small example."""
        form = FORMS[self.form]
        asked = form.messages(_QUESTION, _ANSWERS[: form.answers])
        return "\n".join(message["content"] for message in asked)

    @property
    def verdict(self) -> str:
        """What a judge may reply."""
        if self.form in _NOT_OF_PAIRS:
            return FORMS[self.form].write(_NOT_OF_PAIRS[self.form])
        return verdicts(Row("example", "", "A", {"form": self.form}))[0].text


def page() -> str:
    """Return the whole page."""
    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # the page is Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.filters["linked"] = lambda text: _PAPER.sub(r"[\g<0>](https://arxiv.org/abs/\1)", text)
    methods = {path.stem: " ".join(_split(path)[0]) for path in _configs("method")}
    return engine.get_template("recipes_page.md.j2").render(recipes=recipe_parts(), methods=methods)


def recipe_parts() -> list[RecipePart]:
    """Return what the page says of each recipe, in the order of the alphabet."""
    return [_part(path) for path in _configs("recipe")]


def _part(path: Path) -> RecipePart:
    head, text = _split(path)
    said, recipe = _by_key(head), OmegaConf.load(path)
    task = "pairwise" if "form" in recipe else "pointwise"
    config: Any = OmegaConf.merge(OmegaConf.load(configs_dir() / f"{task}.yaml"), recipe)
    kwargs: Any = OmegaConf.to_container(config.reward.custom_reward_function.reward_kwargs, resolve=True)
    (reward,) = Settings.read(kwargs).rewards.values()
    return RecipePart(
        name=path.stem,
        task=task,
        form=said["Form"] if "Form" in said else str(config.form),
        said=said,
        reward=reward,
        config=text,
        sizes=_sizes(said["Sizes"]) if "Sizes" in said else None,
    )


def _sizes(override: str) -> tuple[str, str]:
    head, text = _split(configs_dir() / "published" / f"{override.partition('=')[2]}.yaml")
    return " ".join(head), text


def _by_key(head: Sequence[str]) -> dict[str, str]:
    """Return what is said, by key; lines that go on are indented."""
    said: dict[str, str] = {}
    key = ""
    for line in head:
        if line.startswith(" "):
            said[key] += f" {line.strip()}"
        else:
            key, _, said[key] = line.partition(": ")
    return said


def _configs(group: str) -> list[Path]:
    return sorted((configs_dir() / group).glob("*.yaml"))


def _split(path: Path) -> tuple[list[str], str]:
    """Return the comment at the head of a config, without the line for Hydra, and all that follows it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    head = list(takewhile(lambda line: line.startswith("#"), lines))
    return [line.removeprefix("# ").rstrip() for line in head[1:]], "".join(lines[len(head) :])


if __name__ == "__main__":
    sys.stdout.write(page())
