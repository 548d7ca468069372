"""What of a cluster's shared parts a process uses, as a config says it."""

from __future__ import annotations

import os
import sys

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reward_fn.hosting.board import BoardSettings, attach_board, reporter
from reward_fn.hosting.cache import CacheSettings, attach_cache
from reward_fn.hosting.limiter import LimiterSettings, attach_limits
from reward_fn.hosting.models.attach import attach_models, make_models
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.hosting.rules import RulePoolSettings, attach_rules
from reward_fn.store import open_store
from reward_fn.workers.pool import pool

_FIRST_S = 60.0
"""How long the first, empty job of the rules may take."""


class HostingSettings(BaseModel):
    """Which parts are there once for the whole cluster; what is not is there in each process."""

    model_config = ConfigDict(extra="forbid")

    limits: LimiterSettings | None = Field(
        default=LimiterSettings(), description="the limits of judges: `requests_per_minute` and the like; or false"
    )
    rules: RulePoolSettings | None = Field(default=None, description="the worker processes of heavy and unsafe rules")
    cache: CacheSettings | None = Field(default=None, description="what caches keep")
    models: dict[str, ModelSettings] = Field(
        default={}, description="models that the cluster hosts itself, by the names that judges call them"
    )
    board: BoardSettings | None = Field(
        default=BoardSettings(), description="what goes on, for `rm-train rewards status` and Prometheus; or false"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _or_a_word(cls, value: object) -> object:
        """Take false for none, and true for the defaults."""
        return None if value is False else {} if value is True else value

    def attach(self) -> None:
        """Have this process use these parts, if it is connected to Ray; call it before its rewards are made.

        Models are hosted without Ray too, by the process itself.
        """
        if self.models:
            attach_models(self.models)
        if not _on_ray():
            return
        if self.limits is not None:
            attach_limits(self.limits)
        if self.rules is not None:
            attach_rules(self.rules)
        if self.cache is not None:
            attach_cache(self.cache)
        if self.board is not None:
            attach_board(self.board)

    def make(self) -> None:
        """Make the actors now; they then live as long as this process, whatever becomes of those that use them.

        Call it after `attach`, in the process that leads the run. The limits' actor is made when a client that has
        limits first asks: it loses nothing if another process makes it again.
        """
        if not _on_ray():
            return
        if self.cache is not None:
            open_store(None).get([""])
        if self.rules is not None:
            pool().submit(os.getpid, timeout_s=_FIRST_S)
        if self.models:
            make_models()
        if self.board is not None and (board := reporter()):
            board.make()


def _on_ray() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())
