"""How a command ends that cannot do its work."""

from __future__ import annotations

from typing import NoReturn

import click


def fail(error: Exception, exit_code: int = 1) -> NoReturn:
    """End the command with an error that a person can act on, without a traceback."""
    failure = click.ClickException(str(error))
    failure.exit_code = exit_code  # type: ignore[misc] # click declares it for classes, and reads it from the instance
    raise failure from error
