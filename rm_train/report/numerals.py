"""How numbers are written that are no figures, and two characters that all numbers are written with."""

from __future__ import annotations

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"


def duration(seconds: float) -> str:
    """Write a time in seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
