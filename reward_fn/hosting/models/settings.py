"""How a hosted model is said in a config."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from typing_extensions import Self

Engine = Literal["vllm", "transformers"]


class ModelSettings(BaseModel):
    """A model that the cluster hosts, and what each of its servers (replicas) takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1, description="the model's folder, which all nodes see, or its name on the hub")
    engine: Engine = Field(default="vllm", description="what serves it")
    tensor_parallel: PositiveInt = Field(default=1, description="GPUs of one node that a replica is spread over (vllm)")
    num_gpus: float | None = Field(
        default=None, ge=0, description="GPUs of a replica; by default `tensor_parallel` with vllm, and none else"
    )
    num_cpus: float = Field(default=1.0, ge=0, description="cores of a replica; on CPUs also its threads")
    min_replicas: NonNegativeInt = Field(default=1, description="replicas that are always there")
    max_replicas: PositiveInt | None = Field(
        default=None, description="replicas that there are at most; by default as many as always, at least one"
    )
    per_replica: PositiveInt = Field(
        default=64, description="requests, waiting or in flight, for each of which number there is to be a replica"
    )
    idle_s: float = Field(default=60.0, ge=0, description="seconds after which a replica too many goes")
    start_s: float = Field(default=600.0, gt=0, description="seconds that a server may take to load the model")
    python: Path | None = Field(default=None, description="the interpreter that has the engine, if it is not this one")
    arguments: list[str] = Field(default=[], description="further arguments of the server")
    environment: dict[str, str] = Field(default={}, description="further environment variables of the server")
    logs: Path | None = Field(
        default=None, description="a folder for what the servers print; without it, failures have its last lines"
    )
    detached: bool = Field(default=False, description="whether the servers outlive the job")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.engine == "transformers" and self.tensor_parallel > 1:
            raise ValueError("tensor_parallel is vllm's; transformers serves a model in one process")
        if self.tensor_parallel > 1 and self.gpus not in (0, self.tensor_parallel):
            raise ValueError(
                f"num_gpus is {self.gpus:g} and tensor_parallel {self.tensor_parallel}: a replica has a GPU for each "
                "part of the model; leave num_gpus out"
            )
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError("num_gpus above 1 is a whole number")
        if self.most < self.min_replicas:
            raise ValueError(f"max_replicas is below min_replicas, which is {self.min_replicas}")
        return self

    @property
    def gpus(self) -> float:
        """The GPUs of a replica."""
        if self.num_gpus is not None:
            return self.num_gpus
        return float(self.tensor_parallel) if self.engine == "vllm" else 0.0

    @property
    def most(self) -> int:
        """The replicas that there are at most."""
        return self.max_replicas if self.max_replicas is not None else max(1, self.min_replicas)
