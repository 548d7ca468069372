"""What the tests of clusters share: a machine of their own, as far as Ray's files and our notes go."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Machine:
    """A home, a cache and folders for Ray; names are short, since Ray's sockets lie in them."""

    home: Path

    @property
    def token(self) -> Path:
        return self.home / ".ray" / "auth_token"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "RM_TRAIN_", "SLURM_"))
        }
        return {**kept, "HOME": str(self.home), "TMPDIR": str(self.home), "PYTHONPATH": str(ROOT), **more}

    def run(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `rm-train cluster` to its end."""
        command = [sys.executable, "-m", "rm_train.cli", "cluster", *map(str, words)]
        return subprocess.run(command, env=self.environment(**more), capture_output=True, text=True, timeout=240)

    def says(self, text: str) -> list[Path]:
        """Return the files below home that contain a text."""
        return [path for path in self.home.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
