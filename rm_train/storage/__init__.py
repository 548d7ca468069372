"""Data, models and checkpoints in object storage, for machines that share no file system.

Everything is read and written through pyarrow's file systems, which are installed anyway: S3 and what speaks its
protocol, Google Cloud Storage, HDFS, and mounted folders as `file://`. Credentials are found as each service's own
tools find them, in the environment or in the machine's role, and never stand in a config.
"""

from rm_train.storage.errors import StorageError
from rm_train.storage.fetch import cached_path, fetch
from rm_train.storage.store import Store
from rm_train.storage.uri import is_uri

__all__ = ["StorageError", "Store", "cached_path", "fetch", "is_uri"]
