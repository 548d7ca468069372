"""How a command ends that cannot do its work."""

from __future__ import annotations

from typing import NoReturn

import click


def fail(error: Exception) -> NoReturn:
    """End the command with an error that a person can act on, without a traceback."""
    raise click.ClickException(str(error)) from error
