"""What a run has to do with object storage: it goes on from there on an empty disk, and leaves its results there."""

from rm_train.launch.stored.model import fetch_model
from rm_train.launch.stored.run import RunStorage, stored_at

__all__ = ["RunStorage", "fetch_model", "stored_at"]
