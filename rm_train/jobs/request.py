"""What a job was asked for, as Ray's metadata keeps it: all that is needed to ask for it again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from rm_train.launch.secrets import NAMES

STOP_S = 3600
"""How long a job may take to finish and save the step it works on, in seconds, before Ray kills it."""

_KEY = "rm_train"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A run to be submitted.

    Attributes:
        name: What the user calls it; its submission id is made of it.
        task: The name of the config.
        overrides: Hydra overrides; where Ray is, is added to them.
        secrets: Names of variables that every node must have.
        includes: Absolute paths of what the job carries beside our code.
        retries: How often a training that fails midway goes on within the job.
        attempt: 1, and one more for each time that it is resumed.
        after: The job that this one goes on with.
    """

    name: str
    task: str
    overrides: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    retries: int = 0
    attempt: int = 1
    after: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"--name {self.name!r}: write letters, digits, points, hyphens and underscores, up to 100")
        for name in self.secrets:
            if not _VARIABLE.fullmatch(name):
                raise ValueError("--secret takes the name of an environment variable, such as WANDB_API_KEY, and not "
                                 "the secret itself")  # fmt: skip

    @property
    def submission_id(self) -> str:
        """Ray's name of the job: NAME, and NAME-2, NAME-3, … of those that go on with it."""
        return self.name if self.attempt == 1 else f"{self.name}-{self.attempt}"

    @property
    def entrypoint(self) -> str:
        """The line that a node of the cluster runs."""
        retries = ("--retries", str(self.retries)) if self.retries else ()
        where = ("ray=existing", "ray_address=auto")
        overrides = [override for override in self.overrides if override not in where]
        return shlex.join(["python", "-m", "rm_train.cli", "train", *retries, self.task, *overrides, *where])

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the job's processes."""
        names = {NAMES: ",".join(self.secrets)} if self.secrets else {}
        return {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_S), **names}

    @property
    def metadata(self) -> dict[str, str]:
        """What Ray keeps with the job."""
        return {_KEY: json.dumps(asdict(self))}

    def next(self, last_attempt: int, run_folder: str | None) -> JobRequest:
        """Return the request that goes on with this one, in its run folder if that is known."""
        own = [override for override in self.overrides if not override.startswith("run_dir=")]
        overrides = (*own, f"run_dir={run_folder}") if run_folder else self.overrides
        return replace(self, overrides=tuple(overrides), attempt=last_attempt + 1, after=self.submission_id)


def request_of(metadata: Mapping[str, str] | None) -> JobRequest | None:
    """Return the request that a job's metadata keeps; None if `rm-train submit` did not make it."""
    if not metadata or _KEY not in metadata:
        return None
    kept = json.loads(metadata[_KEY])
    lists = {key: tuple(kept[key]) for key in ("overrides", "secrets", "includes")}
    return JobRequest(**kept | lists)
