"""Ray's token: whoever shows it may run code in the cluster. The head makes one, and workers must have the same.

Ray looks for it in RAY_AUTH_TOKEN, in the file that RAY_AUTH_TOKEN_PATH names, and in ~/.ray/auth_token, in this order
(`ray._private.authentication`). `ray get-auth-token --generate` would make it too, readable by others, and print it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from rm_train.cluster.node import NodeError
from rm_train.launch.nodes.connect import token_file

_MODE = "RAY_AUTH_MODE"


@dataclass(frozen=True, slots=True)
class Token:
    """Where the token is; never what it is.

    Attributes:
        path: Its file; None for the environment's RAY_AUTH_TOKEN.
        made: Whether it has been made just now.
    """

    path: Path | None
    made: bool = False

    @property
    def exposed(self) -> bool:
        """Whether other users of this machine can read it."""
        return self.path is not None and bool(self.path.stat().st_mode & 0o077)

    def __str__(self) -> str:
        """Return where it is, for a reader."""
        return str(self.path) if self.path else "RAY_AUTH_TOKEN"


def find_token(*, make: bool) -> Token | None:
    """Find the token that this node has.

    Args:
        make: Whether to make one, in a file for this user alone, where there is none.

    Returns:
        None where tokens are switched off by RAY_AUTH_MODE=disabled.

    Raises:
        NodeError: There is none and none is to be made, or its file is empty.
    """
    if os.environ.get(_MODE, "token").lower() != "token":
        return None
    if os.environ.get("RAY_AUTH_TOKEN"):
        return Token(None)
    path = token_file()
    if path.is_file():
        if not path.stat().st_size:
            raise NodeError(f"{path}: the token's file is empty; write the cluster's token into it, or remove it")
        return Token(path)
    if not make:
        raise NodeError(
            f"no token: Ray asks workers for that of the head. Copy it from there to {path} (chmod 600), or set "
            f"RAY_AUTH_TOKEN; if the head was started with {_MODE}=disabled, set that here too"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    return Token(path, made=True)
