"""Human ratings in, verl parquet out: load, convert, split, process, export.

`prepare` is the door to this room; training reads only the files it writes.
"""

from rm_train.data.errors import BadRowError, PrepareError, SourceError
from rm_train.data.pipeline import prepare
from rm_train.data.settings import PreparedData, PrepareSettings

__all__ = ["BadRowError", "PrepareError", "PrepareSettings", "PreparedData", "SourceError", "prepare"]
