"""Where requests wait for the budget of their endpoint, and are let go in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator

from reward_fn.judges.llm.budget import Budget
from reward_fn.judges.llm.turns import Turns, Waiter


class Desk:
    """A budget and those who wait for it. The time is handed in.

    Attributes:
        budget: The budget.
        waiting: Those who wait.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.waiting = Turns()

    def served(self, now: float) -> Iterator[Waiter]:
        """Let those go whose turn it is, as far as the budget reaches; who goes is counted in it.

        The one whose turn it is is waited for: a large request is not passed by small ones for ever.
        """
        while self.waiting:
            first = self.waiting.first()
            if self.budget.wait(first.tokens, now) > 0:
                return
            self.waiting.went(first)
            self.budget.take(first.tokens, now)
            yield first

    def refused(self, now: float) -> list[Waiter]:
        """Send all away if the endpoint takes nothing for now, and return them: they may go to another one."""
        return self.waiting.clear() if self.budget.closed_for(now) > 0 else []

    def next_in(self, now: float) -> float | None:
        """Return the seconds until it is worth looking again; None if something else must happen first."""
        if not self.waiting:
            return None
        wait = self.budget.wait(self.waiting.first().tokens, now)
        return None if math.isinf(wait) else wait
