"""What a verl config says of a reward, under `reward.custom_reward_function.reward_kwargs`.

reward_kwargs:
  reward: math_verify_reward     # a name, with its fields beside it; or a mapping with both
  timeout_s: 10
  on_failure: {constant: 0}      # raise, drop_group, group_mean, or a constant
  on_truncated: {constant: -1}   # score, or a constant; with GalleryRewardManager
  group: {deadline_s: 600}       # of rewards that compare answers; with GalleryRewardManager
  alarms: {window: 20}           # signs of reward hacking; with the sampler; or false
  hosting: {rules: {leave: 2}}   # what the whole cluster shares
  log: {folder: /runs/1/rewards} # what was scored and why; with GalleryRewardManager
  preflight: {rows: 4}           # the reward is tried on rows with known answers first; with the sampler; or false
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, ValidationInfo, field_validator

from reward_fn.adapters.rows import Place, SampleFields
from reward_fn.adapters.scoring import comparing, part_names
from reward_fn.adapters.verl.alarms import AlarmSettings
from reward_fn.adapters.verl.failure_rate import FailureLimit
from reward_fn.adapters.verl.grouping import GroupSettings
from reward_fn.adapters.verl.sample_log import LogSettings
from reward_fn.base import BaseReward
from reward_fn.hosting.attach import HostingSettings
from reward_fn.lint_answers import SLOT
from reward_fn.loading import RewardConfigError, load_reward, reward_of

OURS = "pkg://reward_fn.adapters.verl"
"""The path of our pieces in a config."""
MANAGER = "GalleryRewardManager"
"""The name of our reward manager in a config."""
SOURCES = ("reward", "reward_file", "routes")
DEFAULT_ROUTE = "default"
GOLD_PLACES = ("extra_info.answer", "extra_info.gold", "ground_truth")
"""Where a row's right answer is looked for, the first that is a text or a number: verl's GSM8K has worked answers."""
_OWN = ("fields", "on_failure", "failure_limit", "on_truncated", "group", "alarms", "log", "preflight", "hosting")


class Constant(BaseModel):
    """A failed sample gets this number, and is marked as failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    constant: FiniteFloat


POLICIES = ("raise", "drop_group", "group_mean")
FailurePolicy = Literal["raise", "drop_group", "group_mean"] | Constant


class PreflightSettings(BaseModel):
    """How the reward is tried before a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=4, ge=1, description="so many training rows, of each route")
    routes: tuple[str, ...] | None = Field(
        default=None, description="the routes whose rewards tell right answers from others; by default all"
    )
    gold: Place | None = Field(
        default=None,
        description=f"where a row's right answer stands; by default the first there is of {list(GOLD_PLACES)}",
    )
    template: str = Field(default=SLOT, description=f"how a policy would write it, with {SLOT} for what stands there")

    @field_validator("template")
    @classmethod
    def _has_a_slot(cls, template: str) -> str:
        if SLOT not in template:
            raise ValueError(f"write {SLOT} where the right answer goes")
        return template


class Settings(BaseModel):
    """How rewards are made, fed, and failed."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    rewards: dict[str, BaseReward] = Field(description="by `data_source`, and `default` for all others")
    fields: SampleFields = SampleFields()
    on_failure: FailurePolicy = "raise"
    on_truncated: Literal["score"] | Constant = "score"
    failure_limit: FailureLimit = FailureLimit()
    group: GroupSettings = GroupSettings()
    alarms: AlarmSettings | None = AlarmSettings()
    log: LogSettings | None = None
    hosting: HostingSettings = HostingSettings()
    preflight: PreflightSettings | None = PreflightSettings()

    @cached_property
    def comparing(self) -> dict[str, BaseReward]:
        """The routes whose rewards compare the answers of a prompt, and what in them does."""
        found = {route: comparing(reward) for route, reward in self.rewards.items()}
        return {route: reward for route, reward in found.items() if reward is not None}

    @cached_property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names of the parts of each route; where answers are compared, also of what scores a lone one."""
        lone = part_names(self.group.alone) if self.group.alone else ()
        return {
            route: (*part_names(reward), *(lone if route in self.comparing else ()))
            for route, reward in self.rewards.items()
        }

    @property
    def manager_only(self) -> list[str]:
        """The settings that need more than verl tells a function."""
        asked = {
            "on_failure": self.on_failure == "group_mean",
            "on_truncated": self.on_truncated != "score",
            "log": self.log is not None,
        }
        compared = ["reward" if route == DEFAULT_ROUTE else f"routes.{route}" for route in self.comparing]
        return [*(key for key, is_asked in asked.items() if is_asked), *compared]

    @property
    def placeholder(self) -> float | None:
        """What a failed sample has for a score; None if its failure is raised."""
        if isinstance(self.on_failure, Constant):
            return self.on_failure.constant
        # The sampler writes the mean over it.
        return 0.0 if self.on_failure == "group_mean" else None

    @field_validator("on_failure", "on_truncated", mode="before")
    @classmethod
    def _known(cls, value: object, info: ValidationInfo) -> object:
        words = POLICIES if info.field_name == "on_failure" else ("score",)
        if value in words or (isinstance(value, Mapping) and list(value) == ["constant"]):
            return value
        raise ValueError(f"write one of {', '.join(words)} or {{constant: NUMBER}}, not {value!r}")

    @field_validator("alarms", "preflight", mode="before")
    @classmethod
    def _or_false(cls, value: object) -> object:
        if value is True:
            raise ValueError("write its settings, or false; leave it out for the defaults")
        return None if value is False else value

    @classmethod
    def read(cls, kwargs: Mapping[str, Any]) -> Settings:
        """Return what `reward_kwargs` say.

        Raises:
            RewardConfigError: A key is wrong; the message names it and says what to write.
            FileNotFoundError: The reward file is not there.
        """
        given = {str(key): value for key, value in kwargs.items() if value is not None}
        sources = [key for key in SOURCES if key in given]
        if len(sources) != 1:
            told = f"there are {' and '.join(sources)}" if sources else f"there are the keys {sorted(given)}"
            raise RewardConfigError([("reward_kwargs", f"write one of {', '.join(SOURCES)}; {told}")])
        source = given.pop(sources[0])
        own = {key: given.pop(key) for key in _OWN if key in given}
        # Rewards find what the process uses when they are made.
        cls._checked(hosting=own.get("hosting", {}), rewards={}).hosting.attach()
        if sources[0] == "reward" and isinstance(source, str):
            rewards = {DEFAULT_ROUTE: reward_of({"reward": source, **given})}
        elif given:
            problem = f"is no setting here; the fields of a reward stand beside its name in {sources[0]}"
            raise RewardConfigError([(key, problem) for key in given])
        else:
            rewards = _rewards(sources[0], source)
        return cls._checked(rewards=rewards, **own)

    @classmethod
    def _checked(cls, **fields: Any) -> Settings:  # noqa: ANN401 - fields of any type
        try:
            return cls(**fields)
        except ValidationError as error:
            raise RewardConfigError(
                [(".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in error.errors()]
            ) from None


def _rewards(key: str, source: Any) -> dict[str, BaseReward]:  # noqa: ANN401 - whatever a config holds
    if key == "reward":
        return {DEFAULT_ROUTE: reward_of(source)}
    if key == "reward_file":
        return {DEFAULT_ROUTE: load_reward(Path(str(source)))}
    if not isinstance(source, Mapping) or not source:
        raise RewardConfigError([("routes", f"write a reward for each data_source, not {source!r}")])
    rewards: dict[str, BaseReward] = {}
    for route, described in source.items():
        try:
            rewards[str(route)] = reward_of(described)
        except RewardConfigError as error:
            raise RewardConfigError(
                [(".".join(filter(None, ("routes", str(route), below))), problem) for below, problem in error.problems]
            ) from None
    return rewards
