"""Rewards by name: ours, and those that other packages offer through the entry point group `reward_fn.rewards`.

    [project.entry-points."reward_fn.rewards"]
    my_reward = "my_package.module:MyReward"

A class that no package offers is known by its place, `my_package.module:MyReward`, which must be importable.

A reward's module is imported when it is asked for, so that listing names costs nothing and heavy libraries stay out.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar, TypeVar

from reward_fn.base import BaseReward
from reward_fn.gallery import GALLERY

R = TypeVar("R", bound=type[BaseReward])

ENTRY_POINTS = "reward_fn.rewards"


class UnknownRewardError(KeyError):
    """No reward has that name; the message has the nearest ones."""

    def __str__(self) -> str:
        """Return the message as it is; a KeyError would quote it."""
        return str(self.args[0])


class RewardRegistry:
    """All rewards by name."""

    _registered: ClassVar[dict[str, type[BaseReward]]] = {}

    @classmethod
    def register(cls, name: str) -> Callable[[R], R]:
        """Return a decorator that makes a class known by a name.

        Raises:
            ValueError: Another class has that name.
        """

        def decorate(reward: R) -> R:
            known = cls._registered.get(name)
            if known is not None and (known.__module__, known.__qualname__) != (reward.__module__, reward.__qualname__):
                raise ValueError(f"the reward {name!r} is there already: {known.__module__}.{known.__qualname__}")
            cls._registered[name] = reward
            return reward

        return decorate

    @classmethod
    def get(cls, name: str) -> type[BaseReward]:
        """Return the class of a name, or of a place `module:Class`.

        Raises:
            UnknownRewardError: There is none.
        """
        if ":" in name:
            return _at(name)
        if name not in cls._registered:
            cls._load(name)
        return cls._registered[name]

    @classmethod
    def names(cls) -> Sequence[str]:
        """Return all names, in the order of the alphabet; nothing is imported for it."""
        return sorted({*GALLERY, *cls._registered, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})

    @classmethod
    def list(cls) -> str:
        """Return a table of all rewards to print: name, pattern, version, range by default, what each one measures."""
        rows = [("name", "pattern", "version", "range", "measures")]
        for name in cls.names():
            reward = cls.get(name)
            rows.append((name, reward.scoring_pattern, str(reward.version), default_range(reward), summary(reward)))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join("  ".join([*map(str.ljust, row[:4], widths), row[4]]) for row in rows)

    @classmethod
    def _load(cls, name: str) -> None:
        places = {entry.value for entry in entry_points(group=ENTRY_POINTS) if entry.name == name}
        places |= {GALLERY[name]} if name in GALLERY else set()
        if not places:
            near = difflib.get_close_matches(name, cls.names(), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(cls.names())}"
            raise UnknownRewardError(f"no reward is called {name!r}; {hint}")
        if len(places) > 1:
            raise ValueError(f"several rewards are called {name!r}: {', '.join(sorted(places))}; uninstall one package")
        module, _, attribute = places.pop().partition(":")
        cls.register(name)(getattr(import_module(module), attribute))


def _at(place: str) -> type[BaseReward]:
    module, _, attribute = place.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownRewardError(f"there is no reward at {place!r}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, BaseReward)):
        raise UnknownRewardError(f"{place!r} is no reward: write the place of a subclass of BaseReward")
    return found


def default_range(reward: type[BaseReward]) -> str:
    """Return the range of a reward whose fields are not set, as a text."""
    try:
        low, high = reward.model_construct().score_range
    except (AttributeError, ValueError):
        return "as set"  # it depends on a field that has no default
    return f"{low:g} to {high:g}"


def summary(reward: type[BaseReward]) -> str:
    """Return the first sentence of a reward's description."""
    return (reward.__doc__ or "").strip().split("\n")[0].rstrip(".")
